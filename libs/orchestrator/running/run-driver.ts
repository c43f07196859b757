import { AppError, ClaimLostError, toFailure, assertNever, type Failure } from '@crewtab/domain/errors';
import type { Claim } from '@crewtab/domain/ports/run-store';
import { decide, type Decision, promptTurnId } from '@crewtab/domain/runs/decide';
import {
  isConcluded,
  isTerminal,
  type Run,
  deploymentName,
  secretNamesOfPlan,
  type Outcome,
  type RunPlan,
  type RunPresets,
} from '@crewtab/domain/runs/run';
import { backoffMs, WakeUp, answerWithin } from '../timing';
import type { PartEvent } from './agent-session';
import type { OrchestratorDeps } from './orchestrator-deps';
import { maskedDeps, RunMask } from '../masking/masked-deps';
import { FinishedWork } from './finished-work';
import { TeamSession } from './team-session';
import type { Logger } from '@crewtab/domain/ports/logger';
import { artifactMessage, endMessage, systemMessage, verificationMessage } from '@crewtab/domain/runs/message';
import type { Agent } from '@crewtab/domain/teams/team';
import { factsOf, type PromptWindow } from '@crewtab/domain/runs/prompt-facts';
import { withTeammates } from '@crewtab/domain/teams/teammates';
import { needsToolSession, type Removal, removeRun, TEARDOWN_LIMIT_MS } from './team-deployment';

/** Why a driver stopped: the run is finished, it was released on purpose, or another worker has it. */
export type DriveEnd = 'finished' | 'released' | 'lost';

/**
 * Drives one claimed run: observe, decide, act once, save, and again, until there is nothing to do but wait. All state
 * that matters is in Postgres; killing this at any line leaves a run that another worker drives on.
 */
export class RunDriver {
  private readonly wakeUp: WakeUp;
  private readonly held: HeldRun;
  private stopAs: 'released' | 'lost' | null = null;
  private hasOfferedNext = false;
  /** One after the other, in the order in which it was said. */
  private told: Promise<unknown> = Promise.resolve();
  private fault: { readonly error: unknown } | null = null;
  /** By the monotonic clock; null while there is nothing to do but wait. */
  private stepBeganAtMs: number | null = null;
  private readonly mask = new RunMask();
  private readonly deps: OrchestratorDeps;

  constructor(
    unmasked: OrchestratorDeps,
    { installationId, host }: { readonly installationId: string; readonly host: string },
    run: Run,
    isAdopted: boolean,
  ) {
    this.mask.use(run.plan.secrets);
    const deps = maskedDeps(unmasked, this.mask);
    this.deps = deps;
    this.wakeUp = new WakeUp(deps.clock);
    const logger = deps.logger.child({ runId: run.id, scheduleId: run.scheduleId, epoch: run.epoch });
    const claim: Claim = { runId: run.id, epoch: run.epoch };
    const wake = (): void => this.wakeUp.wake();
    const emit = (event: PartEvent): void => {
      if (event.kind === 'failed') this.fault ??= event;
      wake();
    };
    const team = new TeamSession(deps, { run, claim, installationId, isAdopted, logger, emit, mask: this.mask });
    const work = new FinishedWork(deps, { installationId, logger, mask: this.mask, onChange: wake });
    this.held = { run, claim, host, team, work, logger, nextTeardownAt: null, teardownFailedAt: null, wake };
  }

  get claim(): Claim {
    return this.held.claim;
  }

  /** A person (or a newer run) asked for the end. Truth is in the row; this only saves a query. */
  requestCancel(at: Date, code: Run['cancelCode']): void {
    if (this.held.run.cancelRequestedAt) return;
    this.held.run = { ...this.held.run, cancelRequestedAt: at, cancelCode: code };
    this.wakeUp.wake();
  }

  /** An agent may have ended (null: any of them): look. */
  noteEnded(agent: string | null): void {
    this.held.team.noteEnded(agent);
  }

  /** The run takes too much of its host's disk. */
  noteDiskFailure(failure: Failure): void {
    if (this.held.team.diskFailure) return;
    this.held.team.diskFailure = failure;
    this.wakeUp.wake();
  }

  /** How long the step under way has not come back, ms. */
  get stepForMs(): number {
    return this.stepBeganAtMs === null ? 0 : this.deps.clock.monotonicMs() - this.stepBeganAtMs;
  }

  /** Stops acting at the next safe point; containers go on. */
  stop(as: 'released' | 'lost'): void {
    this.stopAs ??= as;
    this.letGo();
    this.wakeUp.wake();
  }

  /** Never throws: what cannot be handled ends as `lost` or `released`, and the run's next owner goes on once the lease ends. */
  async drive(): Promise<DriveEnd> {
    try {
      for (let failures = 0; ;) {
        if (this.stopAs) return this.stopAs;
        try {
          if (await this.advance()) return 'finished';
          failures = 0;
        } catch (error) {
          if (error instanceof ClaimLostError) return this.lost();
          await this.recover(error, ++failures);
        }
      }
    } catch (error) {
      return error instanceof ClaimLostError ? this.lost() : this.release(error);
    } finally {
      this.letGo();
    }
  }

  private letGo(): void {
    this.held.team.disconnect();
    void this.held.work.stop();
  }

  /** One step. True when nothing is left to do for ever. */
  private async advance(): Promise<boolean> {
    this.stepBeganAtMs = this.deps.clock.monotonicMs();
    if (this.fault) {
      const fault = this.fault;
      this.fault = null;
      throw fault.error;
    }
    const { held, deps } = this;
    this.offerNextOnceEnded();
    await held.team.connect(held.run);
    const decision = decide(
      held.run,
      { ...held.team.observe(held), ...held.work.observe() },
      deps.clock.now(),
      deps.options,
    );
    if (decision.kind === 'done') return true;
    if (decision.kind === 'wait') {
      this.stepBeganAtMs = null;
      await this.wakeUp.wait(decision.until);
    } else await this.act(decision);
    return false;
  }

  /** The moment a run is terminal (its teardown may go on), the one that waits for its end may begin. */
  private offerNextOnceEnded(): void {
    if (this.hasOfferedNext || !isTerminal(this.held.run.status)) return;
    this.hasOfferedNext = true;
    // Beside the teardown: a Redis that does not answer must not delay it.
    void offerNextInLine(this.deps, this.held);
  }

  private async act(decision: Exclude<Decision, { kind: 'wait' | 'done' }>): Promise<void> {
    const { held, deps } = this;
    const before = held.run.phase;
    switch (decision.kind) {
      case 'begin':
        held.run = await beginRun(deps, held);
        this.mask.use(held.run.plan.secrets);
        break;
      case 'deploy':
        await held.team.deploy(held.run);
        break;
      case 'prompt':
        await sendPrompt(deps, held);
        break;
      case 'confirm':
        held.run = this.keepCancel(await deps.store.confirmPrompt(held.claim));
        break;
      case 'end_work':
        await held.team.flush();
        held.run = this.keepCancel(await deps.store.endWork(held.claim, decision.result, held.team.warnings(held.run)));
        break;
      case 'verify':
        await releaseTeam(deps, held);
        held.work.verify(held.run);
        break;
      case 'push':
        held.work.pushOut(held.run, (text) => this.tell(text));
        break;
      case 'conclude':
        await this.told;
        await conclude(deps, held, decision.outcome);
        break;
      case 'collect':
        held.work.collect(held.run, await endTurns(deps, held, decision.graceMs));
        break;
      case 'end_collecting':
        await endCollecting(deps, held);
        break;
      case 'fail_teardown':
        held.run = await deps.store.failTeardown(held.claim, decision.failure);
        held.logger.error({ code: decision.failure.code, status: 'failed' }, decision.failure.message);
        break;
      case 'tear_down':
        await tearDown(deps, held, decision.graceMs);
        break;
      default:
        assertNever(decision);
    }
    if (held.run.phase !== before) {
      held.logger.info({ from: before, to: held.run.phase, status: held.run.status }, 'run moved');
    }
  }

  /** Beside the loop, which goes on: what cannot be told is a fault of the store, as any other. */
  private tell(text: string): void {
    const { held } = this;
    this.told = this.told
      .then(() => this.deps.store.appendMessages(held.claim, [systemMessage(text, this.deps.clock.now())]))
      .catch((error: unknown) => {
        this.fault ??= { error };
        held.wake();
      });
  }

  /** A cancel that arrived by signal while a write was under way must not be forgotten with the older row. */
  private keepCancel(run: Run): Run {
    const { cancelRequestedAt, cancelCode } = this.held.run;
    return run.cancelRequestedAt ? run : { ...run, cancelRequestedAt, cancelCode };
  }

  /**
   * The database or the engine did not answer: wait a little, see how the run stands now, go on. Everything else is a
   * fault of our own; the run must still end and be torn down, so it fails with what is known.
   */
  private async recover(error: unknown, failures: number): Promise<void> {
    const { held, deps } = this;
    if (error instanceof AppError && error.retryable) {
      held.logger.warn({ error: error.message, failures }, 'a step could not be completed; trying again');
      await new Promise<void>((resolve) => deps.clock.after(backoffMs(failures, 100, 2_000), resolve));
      if (!this.stopAs)
        held.run = this.keepCancel(
          await deps.store.load(held.claim).catch((again: unknown) => orLater(again, held.run)),
        );
      return;
    }
    held.logger.error(
      { error: error instanceof Error ? (error.stack ?? error.message) : String(error) },
      'a step failed',
    );
    if (held.run.phase === 'queued' || isConcluded(held.run.phase)) {
      if (failures >= 5) throw error;
      held.nextTeardownAt = new Date(deps.clock.now().getTime() + backoffMs(failures, 500, 10_000));
      return;
    }
    await conclude(deps, held, { status: 'failed', result: null, error: toFailure(error, 'internal') });
  }

  private lost(): DriveEnd {
    this.held.logger.warn({}, 'lost the claim: another worker has the run');
    return 'lost';
  }

  private async release(error: unknown): Promise<DriveEnd> {
    this.held.logger.error(
      { error: error instanceof Error ? error.message : String(error) },
      'releasing the run after a fault',
    );
    return 'released';
  }
}

function orLater(error: unknown, run: Run): Run {
  if (error instanceof AppError && error.retryable) return run;
  throw error;
}

/** The state that the steps of a run share while one worker holds it. */
export interface HeldRun {
  run: Run;
  readonly claim: Claim;
  /** The host of the worker that holds it. */
  readonly host: string;
  readonly team: TeamSession;
  readonly work: FinishedWork;
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
  const rendered = await renderPrompt(deps, held);
  const run = await deps.store.begin(held.claim, {
    name: deploymentName(plan.teamName, id, 6),
    fallbackName: deploymentName(plan.teamName, id, 12),
    // As the worker found it at its start: asking the engine again would only make every run wait for it.
    host: held.host,
    runtime: deps.runtime.kind,
    presets: presetsOf(plan, deps.presets),
    secrets: secretNamesOfPlan(plan),
    ...(rendered && { prompt: { text: rendered.text, window: rendered.window } }),
  });
  const lagMs = run.startedAt ? run.startedAt.getTime() - run.scheduledFor.getTime() : null;
  held.logger.info({ deployment: run.deployment?.name, deadlineAt: run.deadlineAt, lagMs }, 'run begun');
  return rendered?.fault ? { ...run, plan: { ...run.plan, promptFault: rendered.fault } } : run;
}

interface RenderedPrompt {
  /** Null: it could not be rendered. */
  readonly text: string | null;
  readonly window: PromptWindow;
  readonly fault: Failure | null;
}

/**
 * What the template becomes is stored by the statement that begins the run, so that nobody renders it anew: a worker that dies
 * before has begun nothing, and one that adopts the run finds the text. Null where there is no template.
 */
async function renderPrompt(
  { store, prompts }: OrchestratorDeps,
  { run: { id, plan, scheduledFor }, claim }: HeldRun,
): Promise<RenderedPrompt | null> {
  if (plan.promptFormat !== 'template') return null;
  const record = await store.readPromptRecord(claim);
  if (!record) return null;
  const facts = factsOf(record, { id, scheduledFor, variables: plan.variables ?? {} });
  try {
    return { text: prompts.render(plan.prompt, facts), window: facts.window, fault: null };
  } catch (error) {
    return { text: null, window: facts.window, fault: toFailure(error, 'template_failed') };
  }
}

function presetsOf({ agents }: RunPlan, known: OrchestratorDeps['presets']): RunPresets {
  const presets = agents.flatMap(({ preset }) => (preset === undefined ? [] : (known.get(preset) ?? [])));
  return Object.fromEntries(presets.map((preset) => [preset.name, preset]));
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
  const text = promptText(deps, run.plan, leader);
  const isOurs = await deps.store.permitPrompt(claim, {
    agent: leader.name,
    kind: 'prompt',
    content: { text },
    at,
  });
  held.run = { ...held.run, phase: 'prompting', prompt: { state: 'permitted', permittedAt: at } };
  if (team.promptWrite.status !== 'idle') return;
  if (!isOurs) {
    team.promptWrite = { status: 'not_ours', sinceMs: at.getTime() };
    return;
  }
  team.promptWrite = { status: 'writing' };
  team
    .startTurn(leader.name, { id: promptTurnId(run.id), text })
    .then(
      () => (team.promptWrite = { status: 'written' }),
      (error: unknown) => (team.promptWrite = { status: 'failed', failure: notSent(error) }),
    )
    .finally(() => held.wake());
}

/** What the leader is told, and the conversation shows: the prompt, with its teammates where it can reach them. */
function promptText({ toolServer }: OrchestratorDeps, plan: RunPlan, leader: Agent): string {
  return toolServer && needsToolSession(plan) ? withTeammates(plan.prompt, plan.agents, leader.name) : plan.prompt;
}

/** Whatever kept the prompt from being written, it is not tried again: a part of it may have arrived. */
function notSent(error: unknown): Failure {
  const { message } = toFailure(error, 'prompt_failed');
  return { code: 'prompt_failed', message: `the prompt could not be sent: ${message}` };
}

/** Commits how the run ends together with the pending teardown. Nothing is removed before this is committed. */
export async function conclude(deps: OrchestratorDeps, held: HeldRun, outcome: Outcome): Promise<void> {
  await held.team.flush();
  held.run = await deps.store.conclude(held.claim, outcome, held.team.warnings(held.run));
  // A cancel was accepted before this was committed, and goes first: the next look decides it.
  if (!isConcluded(held.run.phase)) return;
  const fields = { status: outcome.status, code: outcome.error?.code, deadlineAt: held.run.deadlineAt };
  if (outcome.status === 'timeout') held.logger.warn(fields, 'deadline passed: the team is force-stopped');
  else held.logger.info(fields, 'outcome decided');
  const at = deps.clock.now();
  const messages = [
    ...(outcome.verification ? [verificationMessage(outcome.verification, at)] : []),
    ...(outcome.error ? [endMessage(outcome, at)] : []),
  ];
  if (messages.length > 0) await deps.store.appendMessages(held.claim, messages);
}

/** Writes down what was kept, however far the collecting came: from here on nothing keeps the run from its removal. */
async function endCollecting(deps: OrchestratorDeps, held: HeldRun): Promise<void> {
  const { kept, warnings } = held.work.endCollecting();
  held.run = await deps.store.endCollecting(held.claim, kept, warnings);
  held.logger.info({ artifacts: kept.length, warnings: warnings.map(({ code }) => code) }, 'artifacts collected');
  if (kept.length > 0) await deps.store.appendMessages(held.claim, [artifactMessage(kept, deps.clock.now())]);
}

const NOTHING = {};

/** One attempt to remove everything of the run: a clean engine finishes it, all else is recorded and tried again. */
export async function tearDown(deps: OrchestratorDeps, held: HeldRun, graceMs: number): Promise<void> {
  const killGraceMs = await endTurns(deps, held, graceMs);
  const removal = await removeRun(deps, await deps.store.installationId(), held.run.id, killGraceMs);
  if (removal.kind !== 'clean') return noteFailedTeardown(deps, held, removal);
  const { run, receipt } = await deps.store.finish(held.claim, removal.removed);
  held.run = run;
  held.logger.info({ status: run.status, receipt }, 'torn down, nothing left');
}

/**
 * The team's dialogue is over, and no call of ours that makes something is under way any more. One that hangs may still take
 * effect after the removal: the reaper removes that.
 */
async function releaseTeam({ clock }: OrchestratorDeps, { team, work, logger }: HeldRun): Promise<void> {
  if (!(await answerWithin(clock, TEARDOWN_LIMIT_MS, Promise.all([team.release(), work.stop()]))))
    logger.warn({}, 'a call that makes something does not come back; going on without it');
}

/** @returns what is left of the grace between SIGTERM and SIGKILL, ms */
async function endTurns(deps: OrchestratorDeps, held: HeldRun, graceMs: number): Promise<number> {
  const killGraceMs = graceMs > 0 ? await cancelTurns(deps, held, graceMs) : 0;
  await releaseTeam(deps, held);
  return killGraceMs;
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
