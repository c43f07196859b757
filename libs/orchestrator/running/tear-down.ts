import { systemMessage } from '@crewtab/domain/runs/message';
import { answerWithin } from '../loop';
import { removeRun, TEARDOWN_LIMIT_MS, type Removal } from '../reaping/remove-run';
import { backoffMs } from './backoff';
import type { OrchestratorDeps } from './orchestrator-deps';
import type { HeldRun } from './held-run';

const NOTHING = { containers: 0, networks: 0, volumes: 0 };

/** One attempt to remove everything of the run: a clean engine finishes it, all else is recorded and tried again. */
export async function tearDown(deps: OrchestratorDeps, held: HeldRun, graceMs: number): Promise<void> {
  // A call that makes something and hangs may still take effect after the removal: the reaper removes that.
  if (!(await answerWithin(deps.clock, TEARDOWN_LIMIT_MS, held.team.release())))
    held.logger.warn({}, 'a call that makes something does not come back; tearing down without it');
  const removal = await removeRun(deps, await deps.store.installationId(), held.run.id, graceMs);
  if (removal.kind !== 'clean') return noteFailedTeardown(deps, held, removal);
  const { run, receipt } = await deps.store.finish(held.claim, removal.removed);
  held.run = run;
  held.logger.info({ status: run.status, receipt }, 'torn down, nothing left');
}

async function noteFailedTeardown(
  deps: OrchestratorDeps,
  held: HeldRun,
  removal: Exclude<Removal, { kind: 'clean' }>,
): Promise<void> {
  const { failure } = removal;
  if (held.run.teardown.failedAttempts === 0) {
    const text = `Teardown failed and is tried again until the engine is clean: ${failure.message}`;
    await deps.store.appendMessages(held.claim, [systemMessage(text, deps.clock.now())]);
  }
  const removed = removal.kind === 'leftover' ? removal.removed : NOTHING;
  held.run = await deps.store.recordTeardownFailure(held.claim, failure, removed);
  const { failedAttempts } = held.run.teardown;
  const delayMs = backoffMs(failedAttempts, deps.options.teardownBackoffMs.first, deps.options.teardownBackoffMs.cap);
  const now = deps.clock.now();
  held.nextTeardownAt = new Date(now.getTime() + delayMs);
  held.teardownFailedAt ??= now;
  held.logger.error({ code: failure.code, error: failure.message, failedAttempts, delayMs }, 'teardown failed');
}
