import { isConcluded, type Outcome, type Run } from '../runs/run';

/** A worker or scheduler whose last heartbeat is older than this is not there, ms: three heartbeats missed. */
export const ABSENT_AFTER_MS = 15_000;
/** Between two heartbeats of a process, ms. */
export const HEARTBEAT_EVERY_MS = 5_000;
/** Longer than an adoption by another worker of the host takes. A host unresponsive for so long is lost at the deadline, ms. */
const UNRESPONSIVE_AT_DEADLINE_MS = 20_000;
/** A run past its deadline that no worker of a living host has looked after for so long is ended without one, ms. */
const UNATTENDED_MS = 30_000;

/** A begun run that is not terminal, and who was heard of lately. All instants are the database's. */
export interface UnheldRun {
  readonly run: Pick<
    Run,
    'id' | 'phase' | 'status' | 'host' | 'deadlineAt' | 'cancelRequestedAt' | 'cancelCode' | 'outcome'
  > & { readonly teardown: Pick<Run['teardown'], 'begunAt'> };
  /** End of the newest lease; null when it was released. */
  readonly leaseUntil: Date | null;
  /** The host's newest heartbeat; null when there never was one. */
  readonly hostSeenAt: Date | null;
  /** Since when the scheduler that asks has been there without a gap: it has missed no heartbeat since then. */
  readonly steadySince: Date;
}

/**
 * Whether a run must end without its worker, and how. Null: a worker has it, or may still take it over. Pure, like
 * `decide`, which is the same question where there is a worker.
 *
 * A host is lost when it sent no heartbeat for `hostTimeoutMs`; at the run's deadline, the time that an adoption takes is
 * enough. A host that lives but whose workers leave a run alone past its deadline (their engine does not answer) does
 * not keep the run from ending either.
 *
 * The count begins with the scheduler's own watch: during an outage of the database no host could send a heartbeat, and
 * none is lost for that (invariant I13).
 */
export function decideLoss(watched: UnheldRun, now: Date, hostTimeoutMs: number): Outcome | null {
  const { run, leaseUntil, hostSeenAt, steadySince } = watched;
  const unresponsiveForMs = now.getTime() - newest(hostSeenAt, steadySince);
  const isPastDeadline = run.deadlineAt !== null && run.deadlineAt <= now;
  const isHeld = leaseUntil !== null && leaseUntil >= now;
  const isUnresponsive = unresponsiveForMs >= hostTimeoutMs;
  if (isHeld && !(isUnresponsive && isPastDeadline)) return null;
  const isAbsent = isUnresponsive || unresponsiveForMs >= Math.min(UNRESPONSIVE_AT_DEADLINE_MS, hostTimeoutMs);
  if (isUnresponsive || (isAbsent && (isPastDeadline || wantsCancel(run)))) return lost(watched, unresponsiveForMs);
  return isPastDeadline && unattendedForMs(watched, now) >= UNATTENDED_MS ? unattended(watched) : null;
}

function lost({ run, hostSeenAt }: UnheldRun, unresponsiveForMs: number): Outcome {
  if (wantsCancel(run)) return cancelled(run.cancelCode);
  const seen = hostSeenAt ? `it was last heard of at ${hostSeenAt.toISOString()}` : 'it was never heard of';
  const work = isConcluded(run.phase)
    ? 'the team finished, but its host was lost before the teardown'
    : 'the host was lost';
  const message = `${work}: no worker of host ${run.host ?? ''} sent a heartbeat for ${Math.round(unresponsiveForMs / 1_000)} s (${seen}, in phase ${run.phase})`;
  return { status: 'failed', result: run.outcome?.result ?? null, error: { code: 'host_lost', message } };
}

function unattended({ run }: UnheldRun): Outcome {
  if (wantsCancel(run)) return cancelled(run.cancelCode);
  if (isConcluded(run.phase)) {
    const message = 'the team finished, but no worker of its host could remove what was made for it';
    return { status: 'failed', result: run.outcome?.result ?? null, error: { code: 'teardown_failed', message } };
  }
  const message = `the run was not finished by its deadline ${run.deadlineAt?.toISOString() ?? ''} (phase ${run.phase}), and no worker of its host looked after it`;
  return { status: 'timeout', result: null, error: { code: 'timeout', message } };
}

/** A cancel goes before every outcome, but not before one that is committed. */
function wantsCancel({ phase, cancelRequestedAt }: UnheldRun['run']): boolean {
  return cancelRequestedAt !== null && !isConcluded(phase);
}

function cancelled(cancelCode: Run['cancelCode']): Outcome {
  const code = cancelCode ?? 'cancelled';
  const why = code === 'replaced' ? 'a newer run of the schedule took its place' : 'cancelled on request';
  return { status: 'cancelled', result: null, error: { code, message: `${why}; its host was unresponsive` } };
}

function unattendedForMs({ run, leaseUntil, steadySince }: UnheldRun, now: Date): number {
  return now.getTime() - newest(run.deadlineAt, leaseUntil, steadySince, run.teardown.begunAt);
}

function newest(...instants: (Date | null)[]): number {
  return Math.max(...instants.map((instant) => instant?.getTime() ?? 0));
}
