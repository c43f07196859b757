import type { Run } from '@crewtab/domain/runs/run';
import type { HttpDeps } from '../http-deps';

/**
 * Wakes the workers for a run that has just been committed. Postgres has it already, so a Redis that does not answer
 * delays it (the sweeper offers it again) and never fails the request.
 */
export async function offerRun(deps: Pick<HttpDeps, 'queue' | 'logger'>, run: Run): Promise<void> {
  if (run.status !== 'queued') return;
  try {
    await deps.queue.offerRuns([run.id]);
  } catch (error) {
    deps.logger.warn(
      { runId: run.id, scheduleId: run.scheduleId, error },
      'could not wake a worker for a run; the sweeper will',
    );
  }
}
