/** Effects, or one of their points, that no scenario can be made to pass at will, and why; the sweep fails for one that is passed after all. */
export const UNREACHED: Readonly<Record<string, string>> = {
  'docker.image.pull:after':
    'only where a registry has the image; no run owns an image, and what comes next is what comes when it was there before',
  'docker.network.remove-double':
    'only where two workers make a network of the same name in the same moment; test/integration/runtime-docker/networks.spec.ts plays it',
  'postgres.exclusive-run.release':
    'only where another run of the schedule begins between a claim and its begin; the contract suite of the stores plays it',
  'process.claim.remove':
    "only where a supervisor died before it had started its agent; the runtime's contract suite plays it",
  'process.folder.give-up': 'only where two workers make the same folder at once, or the disk is full',
  'queue.run.give-back': 'only where a worker becomes full while BullMQ hands it a job that it had asked for before',
  'retention-store.deleteHistory':
    'deletes only where a retention is set and runs are older than an hour; one transaction, and a repetition finds less to delete',
};

export function isUnreached(point: string): boolean {
  return point in UNREACHED || point.replace(/:\w+$/, '') in UNREACHED;
}
