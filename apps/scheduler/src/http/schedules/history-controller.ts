import { Controller, Inject } from '@nestjs/common';
import {
  forecastDraft,
  getLedger,
  getRevisions,
  type ForecastView,
  type LedgerView,
  type PausedSpanView,
  type RevisionView,
} from '@crewtab/api-contract/history-routes';
import { formatDuration } from '@crewtab/domain/durations';
import type { LedgerRow, ScheduleRevision } from '@crewtab/domain/ports/schedule-history';
import { parseCron } from '@crewtab/domain/schedules/cron';
import { countNear, overlapProbability } from '@crewtab/domain/schedules/forecast';
import { isValidTimezone, occurrencesBetween } from '@crewtab/domain/schedules/next-fire';
import { pausedSpans, type PausedSpan } from '@crewtab/domain/schedules/paused-spans';
import { MIN_SAMPLE, summarizeDurations } from '@crewtab/domain/schedules/run-durations';
import { Route, type RouteAnswer, type RouteInput } from '../contract/route';
import { HTTP_DEPS, type HttpDeps } from '../http-deps';
import { found } from '../input/found';
import { notFound, RequestRefused } from '../server/problem';
import { describeOccurrences } from './occurrences';
import { toVerifyView, toDurationStats, toRunMark } from './schedule-view';

/** Of a paused span, so many instants are shown. */
const MAX_PAUSED_INSTANTS = 50;

/** What schedules did, were, and would do. */
@Controller()
export class HistoryController {
  constructor(@Inject(HTTP_DEPS) private readonly deps: Pick<HttpDeps, 'schedules' | 'history' | 'clock'>) {}

  @Route(forecastDraft)
  async forecast({ caller, body }: RouteInput<typeof forecastDraft>): Promise<ForecastView> {
    const { cron, timezone, timeout, scheduleId, from, count } = body;
    const durations = scheduleId === undefined ? [] : await this.durationsOf(caller.organizationId, scheduleId);
    const { p50Ms, p95Ms, n } = summarizeDurations(durations);
    const told = describeOccurrences(cron, timezone, from ?? this.deps.clock.now(), count);
    const instants = told.occurrences.map((at) => new Date(at));
    const isKnown = n >= MIN_SAMPLE && p50Ms !== null && p95Ms !== null;
    return {
      ...told,
      stats: toDurationStats({ n, p50Ms, p95Ms }),
      expected: isKnown ? { p50Seconds: p50Ms / 1_000, p95Seconds: p95Ms / 1_000 } : null,
      overlap: { probability: overlapProbability(instants, durations), n },
      timeout: timeout === undefined ? null : { ...countNear(durations, timeout), n },
    };
  }

  @Route(getLedger)
  async ledger({ caller, params, query }: RouteInput<typeof getLedger>): Promise<LedgerView> {
    const { organizationId } = caller;
    const { schedules, history, clock } = this.deps;
    const schedule = found('schedule', await schedules.getSchedule(organizationId, params.id));
    const [page, changes] = await Promise.all([
      history.readLedger(organizationId, params.id, query),
      history.readSpecChanges(organizationId, [params.id]),
    ]);
    const oldest = page.nextCursor === null ? schedule.createdAt : page.items.at(-1)?.run.scheduledFor;
    const newest = query.cursor === null ? null : page.items[0]?.run.scheduledFor;
    const spans = pausedSpans(changes.get(params.id) ?? []).filter(
      ({ from, to }) => (!oldest || to === null || to >= oldest) && (!newest || from <= newest),
    );
    return {
      items: page.items.map(toLedgerEntry),
      nextCursor: page.nextCursor,
      pauses: spans.reverse().map((span) => toPausedSpan(span, clock.now())),
    };
  }

  @Route(getRevisions)
  async revisions({
    caller,
    params,
    query,
  }: RouteInput<typeof getRevisions>): Promise<RouteAnswer<typeof getRevisions>> {
    const { limit, cursor } = query;
    const revisions = await this.deps.history.readRevisions(caller.organizationId, params.id, limit + 1, cursor);
    // Each schedule has its first one.
    if (revisions.length === 0 && cursor === undefined) throw notFound('schedule');
    const shown = revisions.slice(0, limit);
    const last = shown.at(-1);
    return {
      items: shown.map(toRevisionView),
      nextCursor: revisions.length > limit && last ? String(last.revision) : null,
    };
  }

  private async durationsOf(organizationId: string, scheduleId: string): Promise<readonly number[]> {
    const { schedules, history } = this.deps;
    if (!(await schedules.getSchedule(organizationId, scheduleId)))
      throw new RequestRefused('not_found', 'scheduleId: there is no such schedule', {
        errors: [{ path: 'scheduleId', message: 'there is no such schedule' }],
      });
    return (await history.readDurations(organizationId, [scheduleId])).get(scheduleId) ?? [];
  }
}

function toLedgerEntry({ run, recordedAt, reason, blockedBy, gap }: LedgerRow): LedgerView['items'][number] {
  return {
    at: run.scheduledFor.toISOString(),
    run: toRunMark(run),
    lagMs: run.status === 'missed' ? null : Math.max(0, recordedAt.getTime() - run.scheduledFor.getTime()),
    reason: reason && {
      ...reason,
      ...(blockedBy !== null && { runId: blockedBy }),
      ...(gap && { from: gap.from.toISOString(), to: gap.to.toISOString() }),
    },
    otherwise: otherwiseOf(run.status, blockedBy),
  };
}

/** Of this instant only: with another policy the ones before might have been others too. */
function otherwiseOf(
  status: LedgerRow['run']['status'],
  blockedBy: string | null,
): LedgerView['items'][number]['otherwise'] {
  if (status === 'skipped') return { policy: 'allow', ...(blockedBy !== null && { runId: blockedBy }) };
  return status === 'missed' ? { policy: 'all' } : null;
}

export function toPausedSpan({ from, to, note, cron, timezone }: PausedSpan, now: Date): PausedSpanView {
  const parsed = parseCron(cron);
  const isSound = parsed.ok && isValidTimezone(timezone);
  const instants = isSound ? occurrencesBetween(parsed.cron, timezone, from, to ?? now, MAX_PAUSED_INSTANTS + 1) : [];
  return {
    from: from.toISOString(),
    to: to?.toISOString() ?? null,
    note,
    instants: instants.slice(0, MAX_PAUSED_INSTANTS).map((at) => at.toISOString()),
    hasMore: instants.length > MAX_PAUSED_INSTANTS,
  };
}

function toRevisionView({ at, fields, changed, ...revision }: ScheduleRevision): RevisionView {
  const { timeoutMs, catchUpWindowMs, verify, artifacts, ...rest } = fields;
  return {
    ...revision,
    changed: changed.map((field) =>
      field === 'timeoutMs' ? 'timeout' : field === 'catchUpWindowMs' ? 'catchUpWindow' : field,
    ),
    fields: {
      ...rest,
      timeout: formatDuration(timeoutMs),
      catchUpWindow: formatDuration(catchUpWindowMs),
      // Absent in revisions that are older than these fields.
      ...('verify' in fields && { verify: toVerifyView(verify) }),
      ...('artifacts' in fields && { artifacts: artifacts && [...artifacts] }),
    },
    at: at.toISOString(),
  };
}
