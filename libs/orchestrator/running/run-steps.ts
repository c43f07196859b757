import { type Failure, toFailure } from '@crewtab/domain/errors';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { Claim } from '@crewtab/domain/ports/run-store';
import { promptTurnId } from '@crewtab/domain/runs/decide';
import { deploymentName, type Outcome, type Run } from '@crewtab/domain/runs/run';
import { endMessage, systemMessage } from '@crewtab/domain/runs/message';
import { type Removal, removeRun, TEARDOWN_LIMIT_MS } from '../reaping/remove-run';
import { answerWithin, backoffMs } from '../waiting';
import type { OrchestratorDeps } from './orchestrator-deps';
import type { TeamSession } from './team-session';

/** The state that the steps of a run share while one worker holds it. */
export interface HeldRun {
  run: Run;
  readonly claim: Claim;
  /** The host of the worker that holds it. */
  readonly host: string;
  readonly team: TeamSession;
  readonly logger: Logger;
  /** Earliest next teardown attempt; in memory only, since trying early after adoption is right. */
  nextTeardownAt: Date | null;
  /** When a teardown of this worker first failed. */
  teardownFailedAt: Date | null;
  /** Lets the loop look again. */
  wake(): void;
}

/** Starts the run's clock and writes down what will be made, before anything is made. */
export async function beginRun(deps: OrchestratorDeps, held: HeldRun): Promise<Run> {
  const { plan, id } = held.run;
  const run = await deps.store.begin(held.claim, {
    name: deploymentName(plan.teamName, id, 6),
    fallbackName: deploymentName(plan.teamName, id, 12),
    // As the worker found it at its start: asking the engine again would only make every run wait for it.
    host: held.host,
    runtime: deps.runtime.kind,
  });
  const lagMs = run.startedAt ? run.startedAt.getTime() - run.scheduledFor.getTime() : null;
  held.logger.info({ deployment: run.deployment?.name, deadlineAt: run.deadlineAt, lagMs }, 'run begun');
  return run;
}

/**
 * Takes the one-shot permit, then writes the prompt in the background (an agent that does not read must not keep the
 * run from its deadline). A crash after the permit leaves it to the next worker to look for proof of delivery.
 */
export async function sendPrompt(deps: OrchestratorDeps, held: HeldRun): Promise<void> {
  const { run, claim, team } = held;
  await team.settleSaves();
  const at = deps.clock.now();
  const leader = run.plan.agents.find((agent) => agent.role === 'leader');
  if (!leader) throw new Error('the plan has no leader');
  const isOurs = await deps.store.permitPrompt(claim, {
    agent: leader.name,
    kind: 'prompt',
    content: { text: run.plan.prompt },
    at,
  });
  held.run = { ...held.run, phase: 'prompting', prompt: { state: 'permitted', permittedAt: at } };
  if (team.promptWrite.status !== 'idle') return;
  if (!isOurs) {
    team.promptWrite = { status: 'not_ours', evidenceUntil: new Date(at.getTime() + deps.options.evidenceMs) };
    return;
  }
  team.promptWrite = { status: 'writing' };
  team
    .startTurn(leader.name, { id: promptTurnId(run.id), text: run.plan.prompt })
    .then(
      () => (team.promptWrite = { status: 'written' }),
      (error: unknown) => (team.promptWrite = { status: 'failed', failure: notSent(error) }),
    )
    .finally(() => held.wake());
}

/** Whatever kept the prompt from being written, it is not tried again: a part of it may have arrived. */
function notSent(error: unknown): Failure {
  const { message } = toFailure(error, 'prompt_failed');
  return { code: 'prompt_failed', message: `the prompt could not be sent: ${message}` };
}

/** Commits how the run ends together with the pending teardown. Nothing is removed before this is committed. */
export async function conclude(deps: OrchestratorDeps, held: HeldRun, outcome: Outcome): Promise<void> {
  await held.team.flush();
  held.run = await deps.store.conclude(held.claim, outcome);
  // A cancel was accepted before this was committed, and goes first: the next look decides it.
  if (held.run.phase !== 'tearing_down') return;
  const fields = { status: outcome.status, code: outcome.error?.code, deadlineAt: held.run.deadlineAt };
  if (outcome.status === 'timeout') held.logger.warn(fields, 'deadline passed: the team is force-stopped');
  else held.logger.info(fields, 'outcome decided');
  if (!outcome.error) return;
  await deps.store.appendMessages(held.claim, [endMessage(outcome, deps.clock.now())]);
}

const NOTHING = {};

/** One attempt to remove everything of the run: a clean engine finishes it, all else is recorded and tried again. */
export async function tearDown(deps: OrchestratorDeps, held: HeldRun, graceMs: number): Promise<void> {
  const killGraceMs = graceMs > 0 ? await cancelTurns(deps, held, graceMs) : 0;
  // A call that makes something and hangs may still take effect after the removal: the reaper removes that.
  if (!(await answerWithin(deps.clock, TEARDOWN_LIMIT_MS, held.team.release())))
    held.logger.warn({}, 'a call that makes something does not come back; tearing down without it');
  const removal = await removeRun(deps, await deps.store.installationId(), held.run.id, killGraceMs);
  if (removal.kind !== 'clean') return noteFailedTeardown(deps, held, removal);
  const { run, receipt } = await deps.store.finish(held.claim, removal.removed);
  held.run = run;
  held.logger.info({ status: run.status, receipt }, 'torn down, nothing left');
}

/**
 * Work that is cut short is first asked to end in the protocol's words: at most half of the stop grace for the answer, and
 * a quarter to store it. What is left of the grace stands between SIGTERM and SIGKILL.
 * @returns what is left of the grace, ms
 */
async function cancelTurns({ clock }: OrchestratorDeps, held: HeldRun, graceMs: number): Promise<number> {
  const beganAtMs = clock.monotonicMs();
  // Agents that outlived an attempt were asked by the first one.
  if (held.run.teardown.failedAttempts === 0) await held.team.cancelTurns(held.run, graceMs / 2);
  return Math.max(0, Math.round(graceMs - (clock.monotonicMs() - beganAtMs)));
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

/**
 * Wakes the workers for the run of the same schedule that waited for this one to end (overlap `queue` and `replace`).
 * Idempotent, and a hint: if this worker dies here or Redis does not answer, the worker that adopts the run does it again, and the
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
