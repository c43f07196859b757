import { Controller, Inject } from '@nestjs/common';
import {
  getHeatmap,
  getTimeline,
  LANE_COLUMNS,
  LANE_MARKS,
  type HeatmapView,
  type TimelineColumn,
  type TimelineLane,
} from '@crewtab/api-contract/timeline-routes';
import type { LaneRuns } from '@crewtab/domain/ports/schedule-history';
import { parseCron } from '@crewtab/domain/schedules/cron';
import { isValidTimezone, occurrencesBetween } from '@crewtab/domain/schedules/next-fire';
import { pausedSpans, type SpecChange } from '@crewtab/domain/schedules/paused-spans';
import { summarizeDurations } from '@crewtab/domain/schedules/run-durations';
import type { Schedule } from '@crewtab/domain/schedules/schedule';
import { foldIntoWeek } from '@crewtab/domain/schedules/week-hours';
import { Route, type RouteAnswer, type RouteInput } from '../contract/route';
import { HTTP_DEPS, type HttpDeps } from '../http-deps';
import { toDurationStats, toRunMark } from './schedule-view';

const DAY_MS = 86_400_000;

interface Span {
  readonly from: Date;
  readonly to: Date;
}

/** All schedules on one axis of time. */
@Controller()
export class TimelineController {
  constructor(@Inject(HTTP_DEPS) private readonly deps: Pick<HttpDeps, 'schedules' | 'history' | 'clock'>) {}

  @Route(getTimeline)
  async timeline({ caller, query }: RouteInput<typeof getTimeline>): Promise<RouteAnswer<typeof getTimeline>> {
    const { organizationId } = caller;
    const { schedules, history, clock } = this.deps;
    const { from, to, q, limit, cursor } = query;
    const filter = { sort: 'name', ...(q !== undefined && { name: q }) } as const;
    const page = await schedules.listSchedules(organizationId, filter, { limit, cursor });
    const ids = page.items.map(({ id }) => id);
    const columnMs = (to.getTime() - from.getTime()) / LANE_COLUMNS;
    const [runs, changes, durations] = await Promise.all([
      history.readLanes(organizationId, ids, { from, to, maxRuns: LANE_MARKS, columnMs }),
      history.readSpecChanges(organizationId, ids),
      history.readDurations(organizationId, ids),
    ]);
    const now = clock.now();
    return {
      items: page.items.map((schedule) => ({
        schedule: toLaneHead(schedule),
        ...toLaneRuns(runs.get(schedule.id), { from, to }),
        ...upcomingOf(schedule, { from: now > from ? now : from, to }, columnMs),
        ...changesIn(changes.get(schedule.id) ?? [], { from, to }),
        stats: toDurationStats(summarizeDurations(durations.get(schedule.id) ?? [])),
      })),
      nextCursor: page.nextCursor,
    };
  }

  @Route(getHeatmap)
  async heatmap({ caller, query }: RouteInput<typeof getHeatmap>): Promise<HeatmapView> {
    const { zone, days } = query;
    const to = this.deps.clock.now();
    const from = new Date(to.getTime() - days * DAY_MS);
    const counts = await this.deps.history.countByQuarter(caller.organizationId, from, to);
    return { zone, since: from.toISOString(), cells: foldIntoWeek(counts, zone) };
  }
}

function toLaneHead({ id, name, timezone, enabled, timeoutMs }: Schedule): TimelineLane['schedule'] {
  return { id, name, timezone, enabled, timeoutSeconds: timeoutMs / 1_000 };
}

function toLaneRuns(lane: LaneRuns | undefined, { from, to }: Span): Pick<TimelineLane, 'runs' | 'columns'> {
  if (!lane) return { runs: [], columns: null };
  if (lane.runs) return { runs: lane.runs.map(toRunMark), columns: null };
  const width = (to.getTime() - from.getTime()) / LANE_COLUMNS;
  const at = (index: number): string => new Date(from.getTime() + index * width).toISOString();
  const columns = new Map<number, TimelineColumn>();
  for (const { column, status, count } of lane.columns) {
    const before = columns.get(column) ?? { from: at(column), to: at(column + 1), counts: {} };
    columns.set(column, { ...before, counts: { ...before.counts, [status]: count } });
  }
  return { runs: null, columns: [...columns.values()] };
}

/** What will fire, as the schedule stands: nothing while it is paused or cannot be evaluated. */
function upcomingOf(
  { cron, timezone, enabled, fault }: Schedule,
  { from, to }: Span,
  columnMs: number,
): Pick<TimelineLane, 'upcoming' | 'isUpcomingCut'> {
  const parsed = parseCron(cron);
  if (!enabled || fault || !parsed.ok || !isValidTimezone(timezone) || from >= to)
    return { upcoming: [], isUpcomingCut: false };
  const between = (start: Date, end: Date, limit: number): Date[] =>
    occurrencesBetween(parsed.cron, timezone, start, end, limit);
  const first = between(from, to, LANE_MARKS + 1);
  if (first.length <= LANE_MARKS) return { upcoming: first.map((at) => at.toISOString()), isUpcomingCut: false };
  const upcoming: string[] = [];
  for (let start = from.getTime(); start < to.getTime(); start += columnMs) {
    const [at] = between(new Date(start), new Date(Math.min(start + columnMs, to.getTime())), 1);
    if (at) upcoming.push(at.toISOString());
  }
  return { upcoming, isUpcomingCut: true };
}

function changesIn(changes: readonly SpecChange[], { from, to }: Span): Pick<TimelineLane, 'pauses' | 'zoneChanges'> {
  const pauses = pausedSpans(changes).filter((span) => span.from < to && (span.to === null || span.to > from));
  const zoneChanges = changes.flatMap((change, index) => {
    const before = changes[index - 1];
    if (!before || before.timezone === change.timezone || change.at < from || change.at >= to) return [];
    return [{ at: change.at.toISOString(), from: before.timezone, to: change.timezone }];
  });
  return {
    pauses: pauses.map((span) => ({
      from: span.from.toISOString(),
      to: span.to?.toISOString() ?? null,
      note: span.note,
    })),
    zoneChanges,
  };
}
