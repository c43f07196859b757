import type { OrchestratorDeps } from './orchestrator-deps';
import type { HeldRun } from './held-run';

/**
 * Wakes the workers for the run of the same schedule that waited for this one to end (overlap `queue` and `replace`).
 * Idempotent, and a hint: if this worker dies here or Redis does not answer, whoever adopts the run does it again, and the
 * sweeper finds the waiting run in any case. Never throws.
 */
export async function offerNextInLine(
  { store, queue }: Pick<OrchestratorDeps, 'store' | 'queue'>,
  { run, logger }: Pick<HeldRun, 'run' | 'logger'>,
): Promise<void> {
  try {
    const next = await store.findNextInLine(run.id);
    if (next === null) return;
    await queue.offerRuns([next]);
    logger.info({ nextRunId: next }, 'woke the next run of the schedule');
  } catch (error) {
    logger.warn({ error: String(error) }, 'could not wake the next run of the schedule; the sweeper will');
  }
}
