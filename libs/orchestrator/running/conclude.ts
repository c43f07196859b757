import { endMessage } from '@crewtab/domain/runs/message';
import type { Outcome } from '@crewtab/domain/runs/run';
import type { OrchestratorDeps } from './orchestrator-deps';
import type { HeldRun } from './held-run';

/** Commits how the run ends together with the pending teardown. Nothing is removed before this is committed. */
export async function conclude(deps: OrchestratorDeps, held: HeldRun, outcome: Outcome): Promise<void> {
  await held.team.flush();
  held.run = await deps.store.conclude(held.claim, outcome);
  // A cancel was promised to somebody before this was committed: the next look decides that.
  if (held.run.phase !== 'tearing_down') return;
  const fields = { status: outcome.status, code: outcome.error?.code, deadlineAt: held.run.deadlineAt };
  if (outcome.status === 'timeout') held.logger.warn(fields, 'deadline passed: the team is force-stopped');
  else held.logger.info(fields, 'outcome decided');
  if (!outcome.error) return;
  await deps.store.appendMessages(held.claim, [endMessage(outcome, deps.clock.now())]);
}
