import type { AnswerOf, Routes } from '@crewtab/api-client/route-types';
import type { RunStatus } from '../../status/status-words';

export type Lane = AnswerOf<Routes['GET /timeline']>['items'][number];

/** What stands on a lane and can be pointed at. */
export interface Mark {
  /** Ms. */
  readonly at: number;
  /** Of the bar; the same as `at` where there is none. */
  readonly until: number;
  readonly status: RunStatus | 'due' | 'column';
  readonly runId: string | null;
  /** Bars that overlap lie below each other. */
  readonly level: number;
  readonly counts: Readonly<Partial<Record<RunStatus, number>>> | null;
}

const LEVELS = 3;

/** Oldest first: what was, then what will be, with the time that it is expected to take. */
export function marksOf(lane: Lane, now: number): Mark[] {
  const expectedMs = (lane.stats.p50Seconds ?? 0) * 1_000;
  const ends: number[] = Array.from({ length: LEVELS }, () => Number.NEGATIVE_INFINITY);
  const levelFor = (start: number, until: number): number => {
    const free = ends.findIndex((end) => end <= start);
    const level = free === -1 ? LEVELS - 1 : free;
    ends[level] = Math.max(ends[level] ?? 0, until);
    return level;
  };
  const runs = (lane.runs ?? []).map(({ id, status, scheduledFor, startedAt, finishedAt }): Mark => {
    const at = Date.parse(scheduledFor);
    const start = startedAt === null ? at : Date.parse(startedAt);
    const until = startedAt === null ? at : finishedAt === null ? now : Date.parse(finishedAt);
    const level = until > start ? levelFor(start, until) : 0;
    return { at, until, status, runId: id, level, counts: null };
  });
  const columns = (lane.columns ?? []).map(({ from, to, counts }): Mark => ({
    ...{ at: Date.parse(from), until: Date.parse(to), status: 'column', runId: null, level: 0, counts },
  }));
  const due = lane.upcoming.map((instant): Mark => {
    const at = Date.parse(instant);
    const until = lane.isUpcomingCut ? at : at + expectedMs;
    return { at, until, status: 'due', runId: null, level: until > at ? levelFor(at, until) : 0, counts: null };
  });
  return [...runs, ...columns, ...due];
}

/** The mark that is nearest to an instant; -1 where there is none. */
export function nearestMark(marks: readonly Mark[], at: number): number {
  let best = -1;
  for (const [index, mark] of marks.entries()) {
    const centre = mark.status === 'column' ? (mark.at + mark.until) / 2 : mark.at;
    const before = marks[best];
    const beforeCentre = before && (before.status === 'column' ? (before.at + before.until) / 2 : before.at);
    if (beforeCentre === undefined || Math.abs(centre - at) < Math.abs(beforeCentre - at)) best = index;
  }
  return best;
}

/** Nine of ten neighbours stay apart. */
const CROWDED_SHARE = 0.1;

/** How large shapes may be at these places of the axis, so that neighbours stay apart: px. */
export function radiusFor(places: readonly number[]): number {
  const gaps = places
    .slice(1)
    .map((place, at) => place - (places[at] ?? 0))
    .sort((one, other) => one - other);
  const gap = gaps[Math.floor(gaps.length * CROWDED_SHARE)] ?? Number.POSITIVE_INFINITY;
  return Math.min(5, Math.max(1.5, gap * 0.45));
}

/** The outline of a status's shape around a point, as of the shapes everywhere. */
export function shapePath(status: RunStatus | 'due', x: number, y: number, r: number): string {
  switch (status) {
    case 'failed':
      return `M${x - r} ${y - r}h${2 * r}v${2 * r}h${-2 * r}z`;
    case 'timeout':
    case 'missed':
      return `M${x} ${y - 1.2 * r}l${1.2 * r} ${1.2 * r}l${-1.2 * r} ${1.2 * r}l${-1.2 * r} ${-1.2 * r}z`;
    case 'skipped':
      return `M${x - r} ${y}h${2 * r}`;
    case 'cancelled':
      return `${circle(x, y, r)}M${x - 0.7 * r} ${y + 0.7 * r}l${1.4 * r} ${-1.4 * r}`;
    default:
      return circle(x, y, r);
  }
}

function circle(x: number, y: number, r: number): string {
  return `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`;
}

/** Fully drawn, or as an outline. */
export const IS_FILLED: ReadonlySet<RunStatus | 'due'> = new Set(['success', 'running', 'failed', 'timeout']);
