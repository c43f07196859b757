import { decideLoss, type UnheldRun } from '@crewtab/domain/hosts/host-loss';
import { decide, promptTurnId, type Decision } from '@crewtab/domain/runs/decide';
import type { AgentObservation, Observation } from '@crewtab/domain/runs/observation';
import { isConcluded, type OutcomeStatus, type Run } from '@crewtab/domain/runs/run';
import type { TurnState } from '@crewtab/domain/ports/agent-protocol';
import { seedRun } from '../../fakes/stores/stored-run';
import type { Model, Worker } from './model';
import { beliefOf } from './store-calls';

const NOW = new Date('2026-03-02T10:00:00.000Z');
const PAST = new Date(NOW.getTime() - 600_000);
const FUTURE = new Date(NOW.getTime() + 600_000);
const FAILURE = { code: 'agent_error', message: 'as the model has it' } as const;
const POLICY = { stopGraceMs: 5_000, teardownLimitMs: 60_000, collectLimitMs: 60_000 };
const BASE = seedRun({ plan: { agents: [{ name: 'lead', role: 'leader', protocol: 'acp' }] } }, 1, PAST).run;

/** What the product's own transition function decides for a worker of the model. */
export function askDecide(worker: Worker, past: Past): Decision {
  return decide(runOf(worker, past), observationOf(worker), NOW, POLICY);
}

type Past = Pick<Model, 'isDeadlinePast' | 'isTeardownOverdue' | 'isCollectOverdue'>;

const HOST_TIMEOUT_MS = 300_000;
/** A living host, one that is unresponsive for long enough at the deadline, and one that is lost. */
const SINCE_HEARTBEAT_MS = [0, 30_000, 600_000];

/**
 * What the product's own judgement of a run without a worker may come to here, as long as it is not known how long its host
 * is. The watch looks before it writes, and its write minds the epoch and not the phase: an outcome that a worker
 * committed in between is not seen.
 */
export function askDecideLoss({ row, ...past }: Model): Set<OutcomeStatus> {
  const looks = isConcluded(row.phase) ? [row, { ...row, phase: 'monitoring' as const, outcome: null }] : [row];
  const outcomes = looks.flatMap((seen) => {
    const run = runOf({ belief: beliefOf(seen) }, past);
    const leaseUntil = row.isLeased ? FUTURE : null;
    return SINCE_HEARTBEAT_MS.flatMap((ms) => {
      const watched: UnheldRun = { run, leaseUntil, hostSeenAt: new Date(NOW.getTime() - ms), steadySince: PAST };
      return decideLoss(watched, NOW, HOST_TIMEOUT_MS)?.status ?? [];
    });
  });
  return new Set(outcomes);
}

const FINISHED_WORK = { verify: { command: ['make', 'test'] }, artifacts: ['**'] };

function runOf({ belief }: Pick<Worker, 'belief'>, past: Past): Run {
  const { phase, status, outcome, isCancelRequested, prompt, hasFailedAttempt, hasFinishedWork } = belief;
  const { isDeadlinePast, isTeardownOverdue, isCollectOverdue } = past;
  const error = outcome === 'success' ? null : FAILURE;
  const begunAt = phase === 'tearing_down' || phase === 'finished' ? (isTeardownOverdue ? PAST : NOW) : null;
  return {
    ...BASE,
    plan: hasFinishedWork ? { ...BASE.plan, ...FINISHED_WORK } : BASE.plan,
    ...(phase === 'verifying' && { unverifiedResult: 'well done' }),
    ...(isConcluded(phase) && { concludedAt: isCollectOverdue ? PAST : NOW }),
    phase,
    status,
    deadlineAt: phase === 'queued' ? null : isDeadlinePast ? PAST : FUTURE,
    cancelRequestedAt: isCancelRequested ? PAST : null,
    cancelCode: isCancelRequested ? 'cancelled' : null,
    outcome: outcome && { status: outcome, result: null, error },
    prompt: promptOf(prompt),
    teardown: { ...BASE.teardown, begunAt, failedAttempts: hasFailedAttempt ? 1 : 0 },
  };
}

function promptOf(state: Worker['belief']['prompt']): Run['prompt'] {
  if (state === 'none') return { state };
  return state === 'permitted' ? { state, permittedAt: PAST } : { state, permittedAt: PAST, sentAt: PAST };
}

function observationOf(worker: Worker): Observation {
  return {
    agents: [agentOf(worker)],
    promptWrite: writeOf(worker),
    outputFailure: null,
    openDelegations: 0,
    ...(worker.verify !== 'not_asked' && { verifying: verifyingOf(worker.verify) }),
    ...(worker.collect !== 'not_asked' && { collecting: collectingOf(worker.collect) }),
    nextTeardownAt: worker.isBackingOff ? FUTURE : null,
    // It fails as long ago as one likes: its limit may be over with any attempt.
    teardownFailedAt: worker.isBackingOff ? PAST : null,
  };
}

function verifyingOf(verify: Exclude<Worker['verify'], 'not_asked'>): Observation['verifying'] {
  return verify === 'under_way' ? { status: verify } : { status: 'done', result: { status: verify, checks: [] } };
}

function collectingOf(collect: Exclude<Worker['collect'], 'not_asked'>): Observation['collecting'] {
  return collect === 'under_way' ? { status: collect } : { status: collect, result: undefined };
}

function agentOf({ deploy, seen, isEnded, belief }: Worker): AgentObservation {
  const handshake = seen && (seen.status !== 'dead' || seen.turn !== 'none') ? 'ready' : 'pending';
  const turns = new Map<string, TurnState>();
  const turn = seen && belief.prompt !== 'none' ? turnOf(seen) : null;
  if (turn) turns.set(promptTurnId(BASE.id), turn);
  const ended = seen?.status === 'none' ? ({ how: 'vanished' } as const) : EXITED;
  return {
    name: 'lead',
    role: 'leader',
    deploy: deploy === 'failed' ? { status: deploy, failure: FAILURE } : { status: deploy },
    dialogue: seen && {
      handshake: { status: handshake },
      turns,
      hasSeenWork: seen.turn === 'working' || seen.turn === 'done',
    },
    handshakeDeadlineAt: null,
    ended: isEnded ? ended : null,
  };
}

const EXITED = { how: 'exited', exitCode: 1, isOutOfMemory: false, mayLackOutput: false } as const;

function turnOf({ status, turn }: NonNullable<Worker['seen']>): TurnState {
  if (turn === 'done') return { status: 'done', text: 'well done' };
  return status === 'dead' ? { status: 'failed', failure: FAILURE } : { status: 'open' };
}

function writeOf({ write, isEvidenceOver }: Worker): Observation['promptWrite'] {
  if (write === 'failed') return { status: write, failure: FAILURE };
  if (write === 'not_ours') return { status: write, evidenceUntil: isEvidenceOver ? PAST : FUTURE };
  return { status: write };
}
