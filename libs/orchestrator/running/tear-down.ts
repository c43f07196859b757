import { AppError, ClaimLostError, type Failure } from '@crewtab/domain/errors';
import type { ResourceCount, TeardownReport } from '@crewtab/domain/ports/runtime';
import { systemMessage } from '@crewtab/domain/runs/message';
import { answerWithin, TEARDOWN_LIMIT_MS } from '../call-limits';
import { backoffMs } from './backoff';
import type { OrchestratorDeps } from './orchestrator-deps';
import type { HeldRun } from './held-run';

const NOTHING: ResourceCount = { containers: 0, networks: 0, volumes: 0 };

/**
 * One attempt to remove everything of the run. Only an engine that answers "nothing bears this label" finishes it;
 * everything else is counted, kept in words, and tried again later, for ever.
 */
export async function tearDown(deps: OrchestratorDeps, held: HeldRun, graceMs: number): Promise<void> {
  // A call that makes something and hangs may still take effect after the removal: the reaper takes that away.
  if (!(await answerWithin(deps.clock, TEARDOWN_LIMIT_MS, held.team.release())))
    held.logger.warn({}, 'a call that makes something does not come back; tearing down without it');
  const attempt = await attemptTeardown(deps, held, graceMs);
  if (!attempt.failure) {
    const { run, receipt } = await deps.store.finish(held.claim, attempt.removed);
    held.run = run;
    held.logger.info({ status: run.status, receipt }, 'torn down, nothing left');
    return;
  }
  if (held.run.teardown.failedAttempts === 0) {
    const text = `Teardown failed and is tried again until the engine is clean: ${attempt.failure.message}`;
    await deps.store.appendMessages(held.claim, [systemMessage(text, deps.clock.now())]);
  }
  held.run = await deps.store.recordTeardownFailure(held.claim, attempt.failure, attempt.removed);
  const { failedAttempts } = held.run.teardown;
  const delayMs = backoffMs(failedAttempts, deps.options.teardownBackoffMs.first, deps.options.teardownBackoffMs.cap);
  const now = deps.clock.now();
  held.nextTeardownAt = new Date(now.getTime() + delayMs);
  held.teardownFailedAt ??= now;
  held.logger.error(
    { code: attempt.failure.code, error: attempt.failure.message, failedAttempts, delayMs },
    'teardown failed',
  );
}

async function attemptTeardown(
  deps: OrchestratorDeps,
  held: HeldRun,
  graceMs: number,
): Promise<{ removed: ResourceCount; failure: Failure | null }> {
  try {
    const installationId = await deps.store.installationId();
    const limitMs = TEARDOWN_LIMIT_MS + graceMs;
    const work = deps.runtime.teardown(installationId, held.run.id, { graceMs });
    const removal = await answerWithin(deps.clock, limitMs, work);
    if (!removal) return failed(`the engine did not answer within ${limitMs} ms`);
    await deps.toolServer?.remove(held.run.id);
    return { removed: removal.answer.removed, failure: failureOf(removal.answer) };
  } catch (error) {
    if (error instanceof ClaimLostError) throw error;
    if (error instanceof AppError && error.code === 'store_unreachable') throw error;
    return failed(error instanceof Error ? error.message : String(error));
  }
}

function failed(message: string): { removed: ResourceCount; failure: Failure } {
  return { removed: NOTHING, failure: { code: 'teardown_failed', message } };
}

function failureOf(report: TeardownReport): Failure | null {
  if (report.left.length === 0) return null;
  const words = report.left.map((left) => `${left.kind} ${left.name}: ${left.reason}`).join('; ');
  return { code: 'teardown_failed', message: `still there: ${words}` };
}
