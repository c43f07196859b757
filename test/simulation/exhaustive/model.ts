import type { OutcomeStatus, RunPhase, RunStatus } from '@crewtab/domain/runs/run';

/**
 * One run, its workers, the schedulers' watch and the reaper, with everything that is not needed to tell right from wrong left out. Epochs are
 * kept as what matters of them: whether a worker's is the row's, and whether the permit's is.
 */
export interface Model {
  readonly row: Row;
  readonly box: Box;
  /** Prompts that reached the agent; two are one too many. */
  readonly prompts: 0 | 1 | 2;
  /** A create call, the bytes of the prompt, or a removal, of a worker that is gone or shut out may still arrive. */
  readonly isCreateUnderWay: boolean;
  readonly isPromptUnderWay: boolean;
  readonly isRemovalUnderWay: boolean;
  /** The same of the container in which work is verified. */
  readonly isProgramUnderWay: boolean;
  /** That container is there. */
  readonly hasProgram: boolean;
  readonly isCollectOverdue: boolean;
  readonly isDeadlinePast: boolean;
  readonly isTeardownOverdue: boolean;
  readonly workers: readonly (Worker | null)[];
}

/** What Postgres has. */
export interface Row {
  readonly phase: RunPhase;
  readonly status: RunStatus;
  readonly isLeased: boolean;
  readonly isCancelRequested: boolean;
  readonly outcome: OutcomeStatus | null;
  readonly permit: 'none' | 'current' | 'older';
  readonly isConfirmed: boolean;
  readonly hasFailedAttempt: boolean;
  readonly isAnswerStored: boolean;
  /** Its work is to be verified, and what it leaves to be kept. */
  readonly hasFinishedWork: boolean;
  readonly isVerified: boolean;
}

/** The leader's container, and how far its turn is: `got` has the prompt and has not shown it yet. */
export interface Box {
  readonly status: 'none' | 'up' | 'dead';
  readonly turn: 'none' | 'got' | 'working' | 'done';
}

/** What a worker that drives the run believes and does. */
export interface Worker {
  /** False once another epoch exists; it does not know. */
  readonly isCurrent: boolean;
  readonly belief: Belief;
  readonly deploy: 'not_asked' | 'under_way' | 'started' | 'failed';
  readonly isConnected: boolean;
  readonly seen: Box | null;
  readonly isEnded: boolean;
  readonly write: 'idle' | 'writing' | 'written' | 'failed' | 'not_ours';
  readonly isEvidenceOver: boolean;
  readonly isBackingOff: boolean;
  readonly verify: 'not_asked' | 'under_way' | 'passed' | 'failed';
  readonly collect: 'not_asked' | 'under_way' | 'done';
  /** What it decided and has not done yet: anything may happen in between. */
  readonly pending: Pending | null;
}

/** The row as it was last read. */
export interface Belief {
  readonly phase: RunPhase;
  readonly status: RunStatus;
  readonly outcome: OutcomeStatus | null;
  readonly isCancelRequested: boolean;
  readonly prompt: 'none' | 'permitted' | 'sent';
  readonly hasFailedAttempt: boolean;
  readonly hasFinishedWork: boolean;
}

export type Pending =
  | {
      readonly call:
        | 'begin'
        | 'permit'
        | 'confirm'
        | 'end_work'
        | 'end_collecting'
        | 'fail_teardown'
        | 'remove'
        | 'finish'
        | 'note_failure';
    }
  | { readonly call: 'conclude'; readonly outcome: OutcomeStatus; readonly isVerified: boolean };

/** Parts of the protection that can be taken away, to see that the search notices. */
export interface Rules {
  readonly checksEpoch: boolean;
  readonly checksPermit: boolean;
  /** A worker that adopts a run knows from its row that the prompt was permitted to another one. */
  readonly knowsEarlierPermit: boolean;
  readonly verifiesRemoval: boolean;
  readonly reaps: boolean;
  /** Ending a run without its worker shuts that worker out. */
  readonly watchRaisesEpoch: boolean;
}

/** How much is looked at. */
export interface Scope extends Rules {
  readonly workers: number;
  /** See `Row`. */
  readonly hasFinishedWork: boolean;
  /**
   * A worker whose epoch is over is replaced by what it may still do outside of the store, where it is refused. False:
   * it goes on deciding and is seen to be refused, call by call.
   */
  readonly foldsStaleWorkers: boolean;
}

const ALL_RULES: Rules = {
  checksEpoch: true,
  checksPermit: true,
  knowsEarlierPermit: true,
  verifiesRemoval: true,
  reaps: true,
  watchRaisesEpoch: true,
};

/**
 * As the product has it. Only one worker can hold the newest epoch, and the others are folded into what they may still do:
 * at most one is there as such at a time.
 */
export const WHOLE: Scope = { ...ALL_RULES, workers: 3, hasFinishedWork: false, foldsStaleWorkers: true };

/** A run whose work is verified and whose artifacts are kept. */
export const WITH_FINISHED_WORK: Scope = { ...WHOLE, hasFinishedWork: true };

/** A stale worker goes on beside the one that took its run over: some thirty times as much to look at. */
export const UNFOLDED: Scope = { ...WHOLE, workers: 2, foldsStaleWorkers: false };

export function start({ workers, hasFinishedWork }: Scope): Model {
  return {
    row: {
      phase: 'queued',
      status: 'queued',
      isLeased: false,
      isCancelRequested: false,
      outcome: null,
      permit: 'none',
      isConfirmed: false,
      hasFailedAttempt: false,
      isAnswerStored: false,
      hasFinishedWork,
      isVerified: false,
    },
    box: { status: 'none', turn: 'none' },
    prompts: 0,
    isCreateUnderWay: false,
    isPromptUnderWay: false,
    isRemovalUnderWay: false,
    isProgramUnderWay: false,
    hasProgram: false,
    isCollectOverdue: false,
    isDeadlinePast: false,
    isTeardownOverdue: false,
    workers: Array.from({ length: workers }, () => null),
  };
}

/** One step further. */
export interface Edge {
  readonly what: string;
  readonly to: Model;
  /** What it breaks by itself; null where it breaks nothing. */
  readonly breaks: string | null;
}

/** Equal for models that differ only in which worker is which. */
export function keyOf(model: Model): string {
  const { row, box } = model;
  const workers = model.workers.map((worker) => (worker ? keyOfWorker(worker) : '-')).sort();
  return [
    Object.values(row).map(short).join(''),
    short(box.status) + short(box.turn),
    model.prompts,
    [
      model.isCreateUnderWay,
      model.isPromptUnderWay,
      model.isRemovalUnderWay,
      model.isProgramUnderWay,
      model.hasProgram,
      model.isCollectOverdue,
      model.isDeadlinePast,
      model.isTeardownOverdue,
    ]
      .map(short)
      .join(''),
    ...workers,
  ].join('|');
}

function keyOfWorker(worker: Worker): string {
  const { belief, pending } = worker;
  const intent = pending
    ? pending.call + ('outcome' in pending ? pending.outcome + short(pending.isVerified) : '')
    : '';
  // Once it tears down, what it saw of the team no longer matters: states that differ only in that are one.
  if (belief.phase === 'tearing_down') {
    const left = [worker.isCurrent, worker.deploy === 'under_way', worker.write === 'writing', worker.isBackingOff];
    return `${Object.values(belief).map(short).join('')}/${left.map(short).join('')}/${intent}`;
  }
  const { belief: _belief, pending: _pending, seen, ...rest } = worker;
  const sight = seen ? short(seen.status) + short(seen.turn) : '';
  return `${Object.values(belief).map(short).join('')}/${Object.values(rest).map(short).join('')}/${intent}/${sight}`;
}

function short(value: string | boolean | null): string {
  if (typeof value === 'boolean') return value ? '1' : '0';
  return value === null ? '.' : `${value},`;
}
