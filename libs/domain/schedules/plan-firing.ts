import type { RunTrigger } from '../runs/run';
import type { Cron } from './cron';
import { lastFireBetween, nextFire } from './next-fire';
import type { CatchUpPolicy } from './schedule';

export interface FiringRequest {
  readonly cron: Cron;
  readonly timezone: string;
  readonly catchUp: CatchUpPolicy;
  /** How old a late instant may be and still be caught up. */
  readonly catchUpWindowMs: number;
  /** The first instant of the schedule that has no row yet. Taken as given, even if the expression would not name it. */
  readonly nextFireAt: Date;
  readonly now: Date;
  /** An instant that is older than this is late. */
  readonly lateAfterMs: number;
  /** At least 1: how many instants one plan may hold. */
  readonly maxOccurrences: number;
}

export interface PlannedOccurrence {
  readonly scheduledFor: Date;
  readonly disposition: 'fire' | 'missed';
  /** `catchup` for a late instant that fires; `schedule` for all others, missed ones included. */
  readonly trigger: Extract<RunTrigger, 'schedule' | 'catchup'>;
}

export interface FiringPlan {
  /** Every due instant that fits, oldest first. */
  readonly occurrences: readonly PlannedOccurrence[];
  /** The first instant that is not in `occurrences`. Still due (not after `now`) if there were too many: plan again. */
  readonly nextFireAt: Date;
  readonly followingFireAt: Date;
}

/**
 * Decides what becomes of every due instant of a schedule: pure, and the same answer for the same request.
 *
 * An instant that is at most `lateAfterMs` old fires. Of the late ones
 * - `none` fires none;
 * - `latest` fires the newest, if it is the newest due instant at all and within the window;
 * - `all` fires every one within the window.
 * The rest is missed. A backlog longer than `maxOccurrences` is planned in pieces; `latest` looks beyond the piece, so
 * that of all pieces together only the newest late instant fires.
 */
export function planFiring(request: FiringRequest): FiringPlan {
  if (!(request.maxOccurrences >= 1))
    throw new RangeError(`maxOccurrences is ${request.maxOccurrences}, at least 1 is needed`);
  const due: Date[] = [];
  let next = request.nextFireAt;
  while (next <= request.now && due.length < request.maxOccurrences) {
    due.push(next);
    next = nextFire(request.cron, request.timezone, next);
  }
  const newestAt = request.catchUp === 'latest' ? newestDueAt(request, due, next) : undefined;
  return {
    occurrences: due.map((scheduledFor) => planOccurrence(request, scheduledFor, newestAt)),
    nextFireAt: next,
    followingFireAt: nextFire(request.cron, request.timezone, next),
  };
}

/** The newest instant that is due, planned or not. */
function newestDueAt(request: FiringRequest, due: readonly Date[], next: Date): Date | undefined {
  if (next > request.now) return due.at(-1);
  return lastFireBetween(request.cron, request.timezone, next, request.now) ?? next;
}

function planOccurrence(request: FiringRequest, scheduledFor: Date, newestAt: Date | undefined): PlannedOccurrence {
  const ageMs = request.now.getTime() - scheduledFor.getTime();
  if (ageMs <= request.lateAfterMs) return { scheduledFor, disposition: 'fire', trigger: 'schedule' };
  const isNewest = scheduledFor.getTime() === newestAt?.getTime();
  const isWanted = request.catchUp === 'all' || (request.catchUp === 'latest' && isNewest);
  if (isWanted && ageMs <= request.catchUpWindowMs) return { scheduledFor, disposition: 'fire', trigger: 'catchup' };
  return { scheduledFor, disposition: 'missed', trigger: 'schedule' };
}
