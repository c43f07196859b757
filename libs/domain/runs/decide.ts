import { formatDuration } from '../durations';
import { assertNever, type Failure } from '../errors';
import { isSettled, type DoneTurn, type TurnState } from '../ports/agent-protocol';
import { describeAgentEnd } from './agent-output';
import type { AgentEnd, AgentObservation, Observation } from './observation';
import { isVerified, type Outcome, type Run, type RunPlan } from './run';
import { verificationFailure, type Verification } from './verification';

/**
 * The whole state machine of a run. Pure: the same run, observation and instant always give the same decision, and
 * the caller acts on it once, saves, and asks again. docs/state-machine.md draws it; a test holds the two together.
 *
 * The order of the questions inside a phase matters and is the same everywhere:
 * cancel (a person was promised it) → a failure → the end of the work → the deadline → go on. The end of the work comes
 * before the deadline so that a team that finished in time while no worker was looking is not turned into a timeout by
 * the recovery (invariant I13).
 */
export type Decision =
  /** queued → deploying: start the clock, write down what will be made. */
  | { readonly kind: 'begin' }
  /** Start (or adopt) the team's containers, in the background. */
  | { readonly kind: 'deploy' }
  /** deploying → prompting (or again in prompting, when the answer was lost): take the permit and write the prompt. */
  | { readonly kind: 'prompt' }
  /** prompting → monitoring: the prompt is with the agent. */
  | { readonly kind: 'confirm' }
  /** monitoring → verifying: the leader has finished well, and more than its word is asked for. */
  | { readonly kind: 'end_work'; readonly result: string }
  /** Stop the agents and make the checks, in the background. */
  | { readonly kind: 'verify' }
  /** Push what has been verified, in the background. */
  | { readonly kind: 'push' }
  /** → collecting, or tearing_down where nothing is to be collected, with the outcome. */
  | { readonly kind: 'conclude'; readonly outcome: Outcome }
  /** Stop the agents and keep what they left, in the background. */
  | { readonly kind: 'collect'; readonly graceMs: number }
  /** collecting → tearing_down: write down what was kept. */
  | { readonly kind: 'end_collecting' }
  /** Try once to remove everything; a clean engine finishes the run. */
  | { readonly kind: 'tear_down'; readonly graceMs: number }
  /** The pending success becomes `failed`; the removal goes on. */
  | { readonly kind: 'fail_teardown'; readonly failure: Failure }
  /** Nothing to do until something happens, or `until`. */
  | { readonly kind: 'wait'; readonly until: Date | null }
  | { readonly kind: 'done' };

export interface RunPolicy {
  /** Given to agents between SIGTERM and SIGKILL when their work is cut short, ms. */
  readonly stopGraceMs: number;
  /** How long the teardown of a success may fail before the run becomes `failed`, ms; at its deadline, for the stop grace. */
  readonly teardownLimitMs: number;
  /** How long collecting may take from the outcome on, ms. A success stops at its deadline, so that it still ends in time. */
  readonly collectLimitMs: number;
}

export function decide(run: Run, observation: Observation, now: Date, policy: RunPolicy): Decision {
  switch (run.phase) {
    case 'queued':
      return run.status === 'queued' ? { kind: 'begin' } : { kind: 'done' };
    case 'deploying':
      return decideDeploying(run, observation, now);
    case 'prompting':
      return decidePrompting(run, observation, now);
    case 'monitoring':
      return decideMonitoring(run, observation, now);
    case 'verifying':
      return decideVerifying(run, observation, now);
    case 'collecting':
      return decideCollecting(run, observation, now, policy);
    case 'tearing_down':
      return decideTearingDown(run, observation, now, policy);
    case 'finished':
      return { kind: 'done' };
    default:
      return assertNever(run.phase);
  }
}

function decideDeploying(run: Run, observation: Observation, now: Date): Decision {
  const early = cancelled(run) ?? failed(findDeployFailure(observation, now)) ?? timedOut(run, observation, now);
  if (early) return early;
  if (observation.agents.some((agent) => agent.deploy.status === 'not_asked')) return { kind: 'deploy' };
  if (observation.agents.every((agent) => agent.dialogue?.handshake.status === 'ready')) return { kind: 'prompt' };
  const unanswered = observation.agents.filter((agent) => agent.dialogue?.handshake.status !== 'ready');
  return waitUntil(run.deadlineAt, ...unanswered.map((agent) => agent.handshakeDeadlineAt));
}

function decidePrompting(run: Run, observation: Observation, now: Date): Decision {
  const write = observation.promptWrite;
  const cancel = cancelled(run);
  if (cancel) return cancel;
  if (write.status === 'written' || hasProofOfDelivery(observation)) return { kind: 'confirm' };
  const isUndecidable = write.status === 'not_ours' && write.evidenceUntil !== null && write.evidenceUntil <= now;
  const early =
    failed(write.status === 'failed' ? write.failure : null) ??
    failed(findAgentFailure(observation)) ??
    failed(isUndecidable ? DELIVERY_UNCONFIRMED : null) ??
    timedOutUnread(run, observation, now);
  if (early) return early;
  // The permit's answer was lost: ask again, whether it is ours.
  if (write.status === 'idle') return { kind: 'prompt' };
  return waitUntil(run.deadlineAt, write.status === 'not_ours' ? write.evidenceUntil : null);
}

function decideMonitoring(run: Run, observation: Observation, now: Date): Decision {
  return (
    cancelled(run) ??
    failed(findAgentFailure(observation)) ??
    ended(run, observation, now) ??
    timedOutUnread(run, observation, now) ??
    failed(findIdleAgent(observation, now)) ??
    waitUntil(run.deadlineAt, settlingUntil(run, observation, now), ...idleDeadlines(observation))
  );
}

/**
 * The agents are stopped, and what they do no longer counts. A worker that adopts the run makes every check anew, since
 * only the outcome is stored; the deadline stays. What is pushed is pushed once: see `Push`.
 */
function decideVerifying(run: Run, observation: Observation, now: Date): Decision {
  const { verifying } = observation;
  const early =
    cancelled(run) ??
    (verifying?.status === 'done' ? verified(run, verifying.result, observation) : null) ??
    failed(verifying?.status === 'failed' ? verifying.failure : null) ??
    timedOut(run, { agents: [] }, now);
  if (early?.kind === 'conclude')
    return { ...early, outcome: { ...early.outcome, result: run.unverifiedResult ?? null } };
  if (!verifying) return { kind: 'verify' };
  const isPushDue = verifying.status === 'done' && !observation.pushing;
  return isPushDue ? { kind: 'push' } : waitUntil(run.deadlineAt);
}

/** Nothing that befalls the collecting changes the outcome, which is committed. */
function decideCollecting(run: Run, { collecting }: Observation, now: Date, policy: RunPolicy): Decision {
  const until = collectingEndsAt(run, policy);
  if (until <= now || (collecting && collecting.status !== 'under_way')) return { kind: 'end_collecting' };
  return collecting ? waitUntil(until) : { kind: 'collect', graceMs: graceOf(run, policy) };
}

function collectingEndsAt({ status, concludedAt, deadlineAt }: Run, { collectLimitMs }: RunPolicy): Date {
  const latestMs = (concludedAt?.getTime() ?? 0) + collectLimitMs;
  return new Date(status === 'running' && deadlineAt ? Math.min(latestMs, deadlineAt.getTime()) : latestMs);
}

function decideTearingDown(run: Run, observation: Observation, now: Date, policy: RunPolicy): Decision {
  const { error } = run.teardown;
  const teardownDeadlineAt =
    run.status === 'running' ? successTeardownDeadline(run, observation.teardownFailedAt, policy) : null;
  if (teardownDeadlineAt && teardownDeadlineAt <= now) {
    return {
      kind: 'fail_teardown',
      failure: {
        code: 'teardown_failed',
        message: `the team finished, but what was made for it could not be removed: ${error?.message ?? 'unknown reason'}`,
      },
    };
  }
  if (observation.nextTeardownAt && observation.nextTeardownAt > now) {
    return waitUntil(observation.nextTeardownAt, teardownDeadlineAt);
  }
  return { kind: 'tear_down', graceMs: graceOf(run, policy) };
}

/** Work that has ended by itself has nothing left to save; work cut short may want to close its files. */
function graceOf({ outcome }: Run, { stopGraceMs }: RunPolicy): number {
  const { status, error } = outcome ?? {};
  const wasCutShort = status === 'timeout' || status === 'cancelled' || error?.code === 'agent_idle';
  return wasCutShort ? stopGraceMs : 0;
}

/**
 * When a success whose teardown fails becomes `failed`: after the teardown limit, or at the deadline plus the stop grace,
 * which every end of a run may take. Null before an attempt of this worker has failed.
 *
 * A worker that adopts the run late still has the stop grace (at most the limit) from its own first failure: the time
 * that passed without any attempt must not turn one small fault into a failed run (I13).
 */
function successTeardownDeadline({ deadlineAt, teardown }: Run, failedAt: Date | null, policy: RunPolicy): Date | null {
  if (failedAt === null || teardown.begunAt === null) return null;
  const begunMs = teardown.begunAt.getTime();
  const latestMs = Math.max(begunMs, deadlineAt?.getTime() ?? Infinity) + policy.stopGraceMs;
  const ownMs = failedAt.getTime() + Math.min(policy.stopGraceMs, policy.teardownLimitMs);
  return new Date(Math.max(ownMs, Math.min(begunMs + policy.teardownLimitMs, latestMs)));
}

/** The id of the leader's turn on the wire; deterministic, so that a reply is recognized after adoption. */
export function promptTurnId(runId: string): string {
  return `prompt:${runId}`;
}

const DELIVERY_UNCONFIRMED: Failure = {
  code: 'delivery_unconfirmed',
  message:
    'a worker died at the moment of sending the prompt and the leader shows no sign of having received it; it is not sent again, since a prompt is never sent twice',
};

function cancelled(run: Run): Decision | null {
  if (!run.cancelRequestedAt) return null;
  const code = run.cancelCode ?? 'cancelled';
  const message = code === 'replaced' ? 'a newer run of the schedule took its place' : 'cancelled on request';
  return { kind: 'conclude', outcome: { status: 'cancelled', result: null, error: { code, message } } };
}

function failed(failure: Failure | null): Decision | null {
  return failure && { kind: 'conclude', outcome: { status: 'failed', result: null, error: failure } };
}

function timedOut(run: Run, { agents }: Pick<Observation, 'agents'>, now: Date): Decision | null {
  if (!run.deadlineAt || now < run.deadlineAt) return null;
  const what = `the run was not finished by its deadline ${run.deadlineAt.toISOString()} (phase ${run.phase})`;
  const message = `${what}${describeLastSeen(agents, now)}`;
  return { kind: 'conclude', outcome: { status: 'timeout', result: null, error: { code: 'timeout', message } } };
}

/** The deadline has passed: that is the end, unless output from before it may still be unread. */
function timedOutUnread(run: Run, observation: Observation, now: Date): Decision | null {
  const timeout = timedOut(run, observation, now);
  const { catchingUpUntil } = observation;
  return timeout && catchingUpUntil && catchingUpUntil > now ? waitUntil(catchingUpUntil) : timeout;
}

/** The leader's turn has ended well, nothing that was delegated is open, and it says no more: or the deadline leaves no time for that. */
function ended(run: Run, observation: Observation, now: Date): Decision | null {
  const turn = promptTurn(run, observation);
  if (turn?.status !== 'done' || observation.openDelegations > 0) return null;
  if (!isSettled(turn, now) && !timedOut(run, observation, now)) return null;
  const error = findShortfall(turn, run.plan, leaderOf(observation)?.lastSeen?.stderr ?? '');
  if (!error && isVerified(run.plan)) return { kind: 'end_work', result: turn.text };
  if (!error) return { kind: 'conclude', outcome: { status: 'success', result: turn.text, error } };
  return { kind: 'conclude', outcome: { status: 'failed', result: turn.text === '' ? null : turn.text, error } };
}

/** Null while what has passed is still to be pushed. */
function verified(run: Run, checks: Verification, { pushing }: Observation): Decision | null {
  const { plan, unverifiedResult } = run;
  const verification = plan.verify ? { verification: checks } : {};
  const conclude = (error: Failure | null): Decision => {
    const result = unverifiedResult ?? null;
    return { kind: 'conclude', outcome: { status: error ? 'failed' : 'success', result, error, ...verification } };
  };
  if (checks.status === 'failed') return conclude(verificationFailure(checks));
  if (!plan.workspace?.git?.push) return conclude(null);
  if (pushing?.status === 'done') return conclude(pushing.result);
  return pushing?.status === 'failed' ? conclude(pushing.failure) : null;
}

/** An agent's `end_turn` is its opinion: what speaks against it. */
function findShortfall({ isSilent, openCalls }: DoneTurn, plan: RunPlan, stderr: string): Failure | null {
  if (openCalls && !plan.allowOpenToolCalls) {
    const message = `the leader ended its turn while a tool call of it was still open: ${openCalls.join('; ')}${stderr}`;
    return { code: 'tool_call_open', message };
  }
  if (isSilent && !plan.allowEmpty)
    return { code: 'empty_result', message: `the leader ended its turn without a word${stderr}` };
  return null;
}

function settlingUntil(run: Run, observation: Observation, now: Date): Date | null {
  const turn = promptTurn(run, observation);
  return turn?.status === 'done' && !isSettled(turn, now) ? (turn.settlesAt ?? null) : null;
}

function promptTurn(run: Run, observation: Observation): TurnState | undefined {
  return leaderOf(observation)?.dialogue?.turns.get(promptTurnId(run.id));
}

/** Comes before how an agent ended: one that went beyond a limit may hide that by its end. */
function findLimitPassed({ outputFailure, diskFailure }: Observation): Failure | null {
  return outputFailure ?? diskFailure ?? null;
}

function findDeployFailure(observation: Observation, now: Date): Failure | null {
  const limit = findLimitPassed(observation);
  if (limit) return limit;
  for (const agent of observation.agents) {
    const handshake = agent.dialogue?.handshake;
    if (agent.deploy.status === 'failed') return agent.deploy.failure;
    if (handshake?.status === 'failed') return handshake.failure;
    if (agent.ended && !agent.dialogue?.hasEndedWell) return describeEnd(agent, agent.ended);
    if (handshake?.status !== 'ready' && agent.handshakeDeadlineAt && agent.handshakeDeadlineAt <= now) {
      return {
        code: 'handshake_timeout',
        message: `agent "${agent.name}" was started but did not answer the handshake in time${describeLastSeen([agent], now)}`,
      };
    }
  }
  return null;
}

/** A failure of any agent once all were ready. Its turn's own words come before the bare end of its process. */
function findAgentFailure(observation: Observation): Failure | null {
  const limit = findLimitPassed(observation);
  if (limit) return limit;
  for (const agent of observation.agents) {
    if (agent.role === 'leader') {
      const failure = findTurnFailure(agent);
      if (failure) return failure;
    }
    if (agent.ended && !isGoodEnd(agent)) return describeEnd(agent, agent.ended);
  }
  return null;
}

/** With its last words, as far as they were read: a turn that was cut off by this end has more of them than stderr. */
function describeEnd({ name, dialogue, lastSeen }: AgentObservation, end: AgentEnd): Failure {
  const bare = describeAgentEnd(name, end);
  for (const turn of dialogue?.turns.values() ?? [])
    if (turn.status === 'failed' && turn.failure.message.startsWith(bare.message)) return turn.failure;
  return { ...bare, message: `${bare.message}${lastSeen?.stderr ?? ''}` };
}

/** An agent that has work to do, and shows no sign of doing it. */
function findIdleAgent({ agents }: Observation, now: Date): Failure | null {
  const idle = agents.find(({ idleDeadlineAt, ended: end }) => idleDeadlineAt && idleDeadlineAt <= now && !end);
  if (!idle) return null;
  const message = `agent "${idle.name}" wrote nothing for its idleTimeout, though it had work to do`;
  return { code: 'agent_idle', message: `${message}${describeLastSeen([idle], now)}` };
}

function idleDeadlines({ agents }: Observation): (Date | null)[] {
  return agents.map(({ idleDeadlineAt, ended: end }) => (end ? null : (idleDeadlineAt ?? null)));
}

function findTurnFailure(agent: AgentObservation): Failure | null {
  for (const turn of agent.dialogue?.turns.values() ?? []) if (turn.status === 'failed') return turn.failure;
  return null;
}

/** An agent may end with code 0 after a finished turn (`command` agents do), and a worker without any task. */
function isGoodEnd(agent: AgentObservation): boolean {
  if (agent.ended?.how !== 'exited' || agent.ended.exitCode !== 0) return false;
  if (agent.dialogue?.hasEndedWell) return true;
  const turns = [...(agent.dialogue?.turns.values() ?? [])];
  return agent.role === 'worker'
    ? turns.every((turn) => turn.status !== 'open')
    : turns.some((turn) => turn.status === 'done');
}

function hasProofOfDelivery(observation: Observation): boolean {
  return leaderOf(observation)?.dialogue?.hasSeenWork ?? false;
}

function leaderOf(observation: Observation): AgentObservation | undefined {
  return observation.agents.find((agent) => agent.role === 'leader');
}

function waitUntil(...instants: (Date | null)[]): Decision {
  const times = instants.flatMap((instant) => (instant ? [instant.getTime()] : []));
  return { kind: 'wait', until: times.length > 0 ? new Date(Math.min(...times)) : null };
}

/** Of so many agents a timeout says what they were doing. */
const MOST_DESCRIBED = 3;

function describeLastSeen(agents: readonly AgentObservation[], now: Date): string {
  const busy = agents.filter(({ lastSeen, ended }) => lastSeen?.doing && !ended).slice(0, MOST_DESCRIBED);
  return busy
    .map(({ name, lastSeen }) => {
      const at = lastSeen?.at;
      const ago = at
        ? `, ${formatDuration(Math.max(0, Math.floor((now.getTime() - at.getTime()) / 1_000)) * 1_000)} before`
        : '';
      return `; agent "${name}" ${lastSeen?.doing}${ago}${lastSeen?.stderr}`;
    })
    .join('');
}
