import type { Failure } from '../errors';
import type { DraftMessage } from '../runs/message';
import type { PromptRecord, PromptWindow } from '../runs/prompt-facts';
import type { Outcome, OutputCursor, Run, RunPresets, TeardownReceipt } from '../runs/run';
import type { ReportedUsage } from '../runs/usage';
import type { KeptArtifact } from '../runs/artifact';
import type { FetchedRepository, Push, PushEnd } from '../runs/repository';
import type { Warning } from '../runs/warning';
import type { ResourceCounts, Subscription } from './runtime';

/** A worker's hold on a run. `epoch` is the fencing token: it only grows, and every write carries it. */
export interface Claim {
  readonly runId: string;
  readonly epoch: number;
}

export interface WorkerIdentity {
  /** Unique per worker process. */
  readonly workerId: string;
  readonly host: string;
  /**
   * How long this worker's claims hold without renewal, by the database's clock, ms. The end of a lease is stored with
   * the claim, so workers with different values do not disturb each other. Left out: DEFAULT_LEASE_MS.
   */
  readonly leaseMs?: number;
}

/** The lease where a worker's settings say nothing, ms. */
export const DEFAULT_LEASE_MS = 10_000;

/**
 * A lease does not shield a run for ever past its deadline: a worker that has not renewed it since the deadline loses the run so
 * long after it, ms. Workers renew more often than that, so only an unresponsive one is concerned; its epoch shuts it out.
 */
export const OVERDUE_GRACE_MS = 3_000;

/**
 * What moves runs. Each method is one transaction. Methods that take a `Claim` throw `ClaimLostError` when its epoch is
 * no longer the run's, and change nothing then; they throw `AppError('store_unreachable', retryable)` when the database
 * did not answer (the effect is then unknown, and repeating the call is safe unless said otherwise). The database
 * itself refuses a second terminal status, a phase or an epoch that goes back, and a terminal run without finishedAt.
 */
export interface RunStore {
  /** The id on every container's label; made once per database. */
  installationId(): Promise<string>;

  /**
   * Takes one run: epoch + 1, owner = worker, lease = the worker's. Only if it is not finished, no worker holds a live lease,
   * and its containers stand on this host or nowhere yet. A queued run with policy queue/replace/skip is not given
   * while another run of its schedule is `running`; one that is to have a workspace that is kept, neither while anything is left of
   * another one, nor to a host that does not have it, as long as the host that does is there or was two minutes before. Null when it cannot be had; not an error.
   */
  claim(runId: string, worker: WorkerIdentity): Promise<Run | null>;

  /**
   * Takes up to `limit` runs of this host that are begun and unfinished, oldest deadline first: those without a live
   * lease, and those without a terminal status that are OVERDUE_GRACE_MS past their deadline under a lease that was not
   * renewed since (as told from this worker's own lease).
   */
  claimAbandoned(worker: WorkerIdentity, limit: number): Promise<Run[]>;

  /**
   * How long until the first of this host's runs that others hold could be taken by `claimAbandoned`, if its holder stays
   * unresponsive from now on, ms by the database's clock (0: at once). Null: others hold none.
   */
  untilAbandoned(worker: WorkerIdentity): Promise<number | null>;

  /**
   * Renews all in one statement. Answers those that still hold, with whether a cancel was asked for meanwhile;
   * those that are missing in the answer are lost.
   */
  renewLeases(worker: WorkerIdentity, claims: readonly Claim[]): Promise<RenewedLease[]>;

  /** Releases without harm (shutdown): owner and lease are emptied where the epoch still matches. */
  release(claims: readonly Claim[]): Promise<void>;

  /** The run as it is now, claim checked. */
  load(claim: Claim): Promise<Run>;

  /**
   * queued → deploying, status running: sets host, startedAt, deadlineAt = now() + plan.timeoutMs by the database's
   * clock, and writes the intent: a deployment row with a name unique among deployments and one row per agent. The run
   * that is answered, and every reading from then on, has its plan as the presets and the secrets make it.
   */
  begin(
    claim: Claim,
    deployment: {
      readonly name: string;
      readonly fallbackName: string;
      readonly host: string;
      readonly runtime: string;
      /** Those that the run's agents name; default none. */
      readonly presets?: RunPresets;
      /** Names of those whose values the run takes, as they are now, and keeps until it is finished; default none. */
      readonly secrets?: readonly string[];
      /** What a template was rendered to, and its window; a null text: it could not be. Default: the prompt is no template. */
      readonly prompt?: { readonly text: string | null; readonly window: PromptWindow };
    },
  ): Promise<Run>;

  /** What a template of the run may name, as it is now. Null: the run has no schedule. */
  readPromptRecord(claim: Claim): Promise<PromptRecord | null>;

  /** Sets what is known of an agent; fields left out stay. */
  saveAgent(claim: Claim, agent: string, patch: AgentPatch): Promise<void>;

  /**
   * Appends messages with consecutive seqs and, in the same transaction, moves the agent's cursor. Repeating an append
   * whose answer was lost is detected by the cursor (`from` must equal the stored one; otherwise nothing is stored and
   * the stored cursor is answered). Notifies listeners of the run. Without `cursor` it simply appends.
   * @returns the cursor as stored now, or null when none was given.
   */
  appendMessages(claim: Claim, messages: readonly DraftMessage[], cursor?: CursorMove): Promise<OutputCursor | null>;

  /**
   * The one-shot permit: deploying → prompting, permit recorded with the claim's epoch, the `prompt` message appended,
   * and agents without `readyAt` get it, since a prompt is only permitted when all are ready.
   * True when the permit belongs to this very epoch: also when the call is repeated because its first answer was lost.
   * An epoch belongs to one driver in one process, which knows whether it has written a byte; so the prompt is written
   * at most once in a run's life. False: an earlier epoch had it, and the prompt must not be sent.
   */
  permitPrompt(claim: Claim, message: DraftMessage): Promise<boolean>;

  /** prompting → monitoring: every byte of the prompt was handed to the engine. Idempotent. */
  confirmPrompt(claim: Claim): Promise<Run>;

  /** Keeps what was fetched into the workspace of a run in deploying. Repeating it replaces it. */
  noteRepository(claim: Claim, repository: FetchedRepository): Promise<void>;

  /** Writes down that a run in verifying is about to push. Idempotent: the first one stays, and is answered. */
  beginPush(claim: Claim, target: Pick<Push, 'branch' | 'commit'>): Promise<Push>;

  /**
   * What came of the push that was begun. An answer that is late still counts: one that was `pushing` when the outcome was decided
   * is `unconfirmed` from then on. Nothing changes what is known.
   */
  endPush(claim: Claim, end: PushEnd): Promise<void>;

  /** monitoring → verifying: keeps what the leader answered, and the warnings of its team. Idempotent. */
  endWork(claim: Claim, result: string, warnings: readonly Warning[]): Promise<Run>;

  /**
   * → tearing_down with its outcome, from deploying, prompting, monitoring or verifying; → collecting instead where the plan
   * has artifacts and the prompt was permitted. failed, timeout and cancelled become the
   * status at once; success stays pending (status running) until `finish`. Idempotent: the first outcome stays. A cancel
   * that was asked for before goes before every other outcome: then nothing changes, and the run that is answered says so.
   * The warnings are stored with it; left out, there are none. From verifying on those of `endWork` stay.
   */
  conclude(claim: Claim, outcome: Outcome, warnings?: readonly Warning[]): Promise<Run>;

  /** collecting → tearing_down. Idempotent: what was kept first stays. The warnings are added to those of the run. */
  endCollecting(claim: Claim, kept: readonly KeptArtifact[], warnings: readonly Warning[]): Promise<Run>;

  /** Counts a failed teardown attempt, keeps its words, adds what was removed. */
  recordTeardownFailure(claim: Claim, failure: Failure, removed: ResourceCounts): Promise<Run>;

  /** A pending success whose teardown cannot be completed becomes `failed` with `failure`; phase stays tearing_down. */
  failTeardown(claim: Claim, failure: Failure): Promise<Run>;

  /**
   * tearing_down → finished with a verified receipt (added to what failed attempts removed); a pending success becomes
   * `success`. Agents whose end was not seen are noted to have ended when the work was over. Releases the claim.
   */
  finish(claim: Claim, removed: ResourceCounts): Promise<{ readonly run: Run; readonly receipt: TeardownReceipt }>;

  /** For the reaper: which of these runs may have resources. Unknown ids are absent from the answer. Never guesses: throws when the database can't be read. */
  lookUp(runIds: readonly string[]): Promise<Map<string, { readonly isFinished: boolean }>>;

  /** Begun, unfinished runs without a live lease, by host: for the sweeper to wake that host. */
  findAbandoned(limit: number): Promise<{ readonly runId: string; readonly host: string }[]>;

  /** Queued runs, oldest first, that may be begun now (overlap considered), queued for longer than `minAgeMs`. */
  findOfferable(minAgeMs: number, limit: number): Promise<string[]>;

  /**
   * The queued run of the same schedule that has waited for this one and may be begun now (overlap considered); null
   * without any. For waking it as soon as this run is terminal.
   */
  findNextInLine(runId: string): Promise<string | null>;

  /** Cancel requests, as they are committed (hint; renewLeases tells too). */
  onRunControl(listener: (runId: string) => void): Promise<Subscription>;

  /** New messages or a changed run, as they are committed (hint); for live views. */
  onRunChanged(listener: (runId: string) => void): Promise<Subscription>;
}

export interface RenewedLease extends Claim {
  readonly cancelRequestedAt: Date | null;
  readonly cancelCode: 'cancelled' | 'replaced' | null;
}

export interface AgentPatch {
  readonly handle?: string;
  /** See `AgentUnit`. */
  readonly container?: string;
  readonly startedAt?: Date;
  readonly readyAt?: Date;
}

export interface CursorMove {
  readonly agent: string;
  readonly from: OutputCursor;
  readonly to: OutputCursor;
  /** What the agent has reported in all, up to there; left out: what is stored of it stays. */
  readonly usage?: ReportedUsage;
  /** The agent has ended; the first such instant stays. */
  readonly endedAt?: Date;
}
