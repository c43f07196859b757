import type { Overview } from '../../api/client';

/** Whether the installation can run anything, in one line. */
export function Health({ health }: { readonly health: Overview['health'] }) {
  const { liveWorkers, capacity, heldRuns, unresponsiveHosts } = health;
  const troubles = [
    ...(liveWorkers === 0 ? ['no worker is there: runs wait'] : []),
    ...(unresponsiveHosts > 0
      ? [`${unresponsiveHosts === 1 ? '1 host is' : `${unresponsiveHosts} hosts are`} unresponsive`]
      : []),
    ...(liveWorkers > 0 && heldRuns >= capacity ? ['all workers are full'] : []),
  ];
  if (troubles.length > 0)
    return (
      <span role="status" className="text-timeout">
        {troubles.join(' · ')}
      </span>
    );
  return (
    <span className="text-soft max-wide:hidden">
      {liveWorkers === 1 ? '1 worker' : `${liveWorkers} workers`}, {heldRuns} of {capacity} slots taken
    </span>
  );
}
