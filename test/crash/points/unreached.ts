const PRESETS = "only for agents of presets, which no scenario has; the runtimes' contract suite plays it";

const ON_A_CLUSTER =
  'only under the runtime kubernetes, and the scenarios run on Docker; the contract suite and a killed worker play it on a real cluster';

const NO_TRAFFIC =
  'only where agents ask for hosts, which those of the scenarios do not; a note that is lost costs a notice that is told twice';

const MADE_BEFORE =
  'only for images that are made before a run needs them, which no scenario asks for; the contract suite of the stores plays who goes on with them';
const KEPT =
  'only where a workspace is kept between runs, which those of the scenarios are not; what is done twice finds less to do, and test/e2e/kept-workspace.spec.ts plays it';
const PUSHED =
  'only where a team pushes, which those of the scenarios do not; test/e2e/pushed-work.spec.ts kills a worker between the two, before and after the remote has taken it';
const OLD_ARTIFACTS = 'only where a retention is set or a run is deleted; what is done twice finds less to do';

const OF_A_PERSON =
  'no part of a run: one statement of a request, which takes effect late, as any other, where its scheduler stood still meanwhile';

const LOG_IN = 'no part of a run: one statement, after which a browser is logged in or out, or asks again';

/** Effects, or one of their points, that no scenario can be made to reach, and why; the sweep fails for one that is reached after all. */
export const UNREACHED: Readonly<Record<string, string>> = {
  'secret-store.deleteSecret': OF_A_PERSON,
  'secret-store.putSecret': OF_A_PERSON,
  'artifact-index.expireArtifacts': OLD_ARTIFACTS,
  'artifact-index.forgetRemoval': OLD_ARTIFACTS,
  'artifact-store.removeRun': OLD_ARTIFACTS,
  'docker.image.build':
    'only for presets, whose images no scenario builds; test/integration/runtime-docker/preset-images.spec.ts plays it',
  'docker.image.remove': 'only for presets, as docker.image.build',
  'docker.image.pull:after':
    'only where a registry has the image; no run owns an image, and what comes next is what comes when it was there before',
  'docker.network.remove-double':
    'only where two workers make a network of the same name in the same moment; test/integration/runtime-docker/networks.spec.ts plays it',
  'postgres.exclusive-run.release':
    'only where another run of the schedule begins between a claim and its begin; the contract suite of the stores plays it',
  'process.claim.remove':
    "only where a supervisor died before it had started its agent; the runtime's contract suite plays it",
  'egress-proxy.openAside':
    'only where a team has a repository, which those of the scenarios do not; test/e2e/git-workspace.spec.ts kills a worker while one is open, in the middle of a fetch, and none at its making',
  'run-store.noteRepository':
    'only where a team has a repository; a note that is lost costs another fetch, as one that was cut off, which test/e2e/git-workspace.spec.ts plays',
  'docker.kept-volume.remove': KEPT,
  'kept-workspace-store.retire': KEPT,
  'workspace-keeper.remove': KEPT,
  'schedule-store.resetWorkspace': OF_A_PERSON,
  'run-store.beginPush': PUSHED,
  'run-store.endPush': PUSHED,
  'egress.record.put-in-place': NO_TRAFFIC,
  'egress.record.remove': NO_TRAFFIC,
  'egress.record.write': NO_TRAFFIC,
  'egress.records.make': NO_TRAFFIC,
  'host-image-store.end': MADE_BEFORE,
  'host-image-store.noteProgress': MADE_BEFORE,
  'host-image-store.want': MADE_BEFORE,
  'process.folder.give-up': 'only where two workers make the same folder at once, or the disk is full',
  'process.home-file.write': PRESETS,
  'process.home-folder.make': PRESETS,
  'process.program.remove': 'only where a worker runs programs under that runtime; its contract suite plays it',
  'kubernetes.agent.release': ON_A_CLUSTER,
  'kubernetes.config-map.create': ON_A_CLUSTER,
  'kubernetes.config-map.remove': ON_A_CLUSTER,
  'kubernetes.home-files.put': ON_A_CLUSTER,
  'kubernetes.host.create': ON_A_CLUSTER,
  'kubernetes.input.end': ON_A_CLUSTER,
  'kubernetes.input.write': ON_A_CLUSTER,
  'kubernetes.pod.create': ON_A_CLUSTER,
  'kubernetes.pod.remove': ON_A_CLUSTER,
  'kubernetes.program.create': ON_A_CLUSTER,
  'kubernetes.program.remove': ON_A_CLUSTER,
  'kubernetes.tools.put': ON_A_CLUSTER,
  'kubernetes.workspace.copy': ON_A_CLUSTER,
  'kubernetes.workspace.put-files': ON_A_CLUSTER,
  'tools.spoiled.remove':
    'only where an agent of an earlier version spoiled its folder; the tests of the tool server and test/attacks play it',
  'queue.run.give-back': 'only where a worker becomes full while BullMQ hands it a job that it had asked for before',
  'session-store.createCode': LOG_IN,
  'session-store.createSession': LOG_IN,
  'session-store.endAllSessions': LOG_IN,
  'session-store.endSession': LOG_IN,
  'session-store.redeemCode': LOG_IN,
  'retention-store.deleteHistory':
    'deletes only where a retention is set and runs are older than an hour; one transaction, and a repetition finds less to delete',
};

export function isUnreached(point: string): boolean {
  return point in UNREACHED || point.replace(/:\w+$/, '') in UNREACHED;
}
