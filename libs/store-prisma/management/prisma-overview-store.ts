import { AppError, type ErrorCode } from '@crewtab/domain/errors';
import {
  OVERVIEW_LIMITS,
  type Found,
  type Overview,
  type OverviewRun,
  type OverviewStore,
} from '@crewtab/domain/ports/overview-store';
import type { Acknowledgement, RunStatus } from '@crewtab/domain/runs/run';
import { addUpCells } from '@crewtab/domain/runs/usage-sums';
import { isId, type Session, type Statement } from '../database/database';
import { ABSENT } from '../hosts/host-heartbeats';
import type { RunContext, ShownRow } from '../runs/run-row';
import { toCell, USAGE_SUMS, type SumRow } from './prisma-usage-store';

const { listed, lookedAt, counted, excerpt } = OVERVIEW_LIMITS;

/** Of run `r` and schedule `s`. */
const COLUMNS = `r.id, r.schedule_id, COALESCE(s.name, r.team_name) AS name, r.trigger, r.status, r.phase, r.scheduled_for, r.started_at,
      r.deadline_at, r.finished_at, r.error_code, r.error_message, left(r.result, ${excerpt}) AS excerpt,
      crewtab_usage_of_run(r.id) AS usage`;
/** A try has no schedule: its team's name stands for it. */
const FROM_RUNS =
  'schedule_runs r LEFT JOIN schedules s ON s.id = r.schedule_id AND s.organization_id = r.organization_id';
const WITHOUT_WORDS = 'NULL AS words_agent, NULL AS words_text, NULL::timestamptz AS words_at';

/** Looks at the newest runs that ended badly, along an index of these alone; then each schedule's newest is asked whether it is settled. */
const NEEDS_PERSON: Statement = {
  name: 'overview_needs_person',
  text: `WITH bad AS MATERIALIZED (
      SELECT id, schedule_id, scheduled_for FROM schedule_runs
      WHERE organization_id = $1 AND status IN ('failed', 'timeout', 'missed') AND acknowledged_at IS NULL
      ORDER BY scheduled_for DESC, id DESC LIMIT ${lookedAt}),
    newest AS (SELECT DISTINCT ON (schedule_id) id FROM bad ORDER BY schedule_id, scheduled_for DESC, id DESC)
    SELECT ${COLUMNS}, ${WITHOUT_WORDS} FROM ${FROM_RUNS}
    WHERE r.id IN (SELECT id FROM newest) AND s.id IS NOT NULL AND s.deleted_at IS NULL
      AND NOT EXISTS (SELECT 1 FROM unnest(enum_range(NULL::run_trigger)) AS fired(trigger), LATERAL (
        SELECT 1 FROM schedule_runs l WHERE l.schedule_id = r.schedule_id AND l.status = 'success' AND l.trigger = fired.trigger
          AND l.scheduled_for > r.scheduled_for LIMIT 1) AS later)
      AND NOT EXISTS (SELECT 1 FROM schedule_runs l
        WHERE l.schedule_id = r.schedule_id AND l.acknowledged_at IS NOT NULL AND l.scheduled_for >= r.scheduled_for)
    ORDER BY r.scheduled_for DESC, r.id DESC LIMIT ${listed}`,
};

/** The newest of each status and trigger, which is one range of an index each. */
const newestOf = (statuses: string, limit: number, condition = ''): string => `
      SELECT n.* FROM unnest('{${statuses}}'::run_status[]) AS wanted(status)
      CROSS JOIN unnest(enum_range(NULL::run_trigger)) AS fired(trigger)
      CROSS JOIN LATERAL (
        SELECT r.id, r.status, r.trigger, r.scheduled_for, r.finished_at FROM schedule_runs r
        WHERE r.organization_id = $1 AND r.status = wanted.status AND r.trigger = fired.trigger ${condition}
        ORDER BY r.scheduled_for DESC, r.id DESC LIMIT ${limit}) AS n`;

const ACTIVE: Statement = {
  name: 'overview_active',
  text: `WITH active AS MATERIALIZED (${newestOf('running,queued', listed)})
    SELECT ${COLUMNS}, said.agent AS words_agent, said.text AS words_text, said.at AS words_at FROM ${FROM_RUNS}
    LEFT JOIN LATERAL (
      SELECT m.agent, left(m.content ->> 'text', ${excerpt}) AS text, m.at
      FROM (SELECT * FROM messages WHERE run_id = r.id ORDER BY seq DESC LIMIT 40) AS m
      WHERE m.kind = 'agent_message' ORDER BY m.seq DESC LIMIT 1) AS said ON r.status = 'running'
    WHERE r.id IN (SELECT id FROM active)
    ORDER BY r.status DESC, r.scheduled_for DESC, r.id DESC LIMIT ${listed}`,
};

/** What was due a day before `since` may have ended after it: no timeout is longer by default. */
const ENDED = `WITH ended AS MATERIALIZED (${newestOf(
  'success,failed,timeout,cancelled,skipped,missed',
  counted,
  `AND r.scheduled_for >= $2::timestamptz - interval '1 day'`,
)})`;

const COUNTS: Statement = {
  name: 'overview_counts',
  text: `${ENDED}
    SELECT status, sum(since)::int AS runs, max(looked_at)::int AS looked_at FROM (
      SELECT status, count(*) FILTER (WHERE finished_at >= $2) AS since, count(*) AS looked_at FROM ended GROUP BY status, trigger) AS c
    GROUP BY status`,
};

const ENDED_USAGE: Statement = {
  name: 'overview_ended_usage',
  text: `${ENDED}
    SELECT u.currency, ${USAGE_SUMS} FROM ended JOIN agent_usages u ON u.run_id = ended.id
    WHERE ended.finished_at >= $2 GROUP BY u.currency`,
};

const ENDED_RUNS: Statement = {
  name: 'overview_ended_runs',
  text: `${ENDED},
    newest AS (
      SELECT id FROM ended WHERE finished_at >= $2 AND status NOT IN ('skipped', 'missed')
      ORDER BY finished_at DESC, id DESC LIMIT ${listed})
    SELECT ${COLUMNS}, ${WITHOUT_WORDS} FROM ${FROM_RUNS}
    WHERE r.id IN (SELECT id FROM newest) ORDER BY r.finished_at DESC, r.id DESC`,
};

const FAULTS: Statement = {
  name: 'overview_faults',
  text: `SELECT id, name, fault, fault_since FROM schedules
    WHERE organization_id = $1 AND enabled AND fault IS NOT NULL ORDER BY fault_since DESC, id LIMIT ${listed}`,
};

const DUE: Statement = {
  name: 'overview_due',
  text: `SELECT id, name, timezone, next_fire_at FROM schedules
    WHERE organization_id = $1 AND enabled AND next_fire_at < now() + interval '1 day' ORDER BY next_fire_at, id LIMIT ${listed}`,
};

const HEALTH: Statement = {
  name: 'overview_health',
  text: `SELECT now() AS at, w.*, h.*, s.* FROM
    (SELECT count(*)::int AS live_workers, COALESCE(sum(capacity), 0)::int AS capacity, COALESCE(sum(held_runs), 0)::int AS held_runs
      FROM workers WHERE last_seen_at > now() - ${ABSENT}) AS w,
    (SELECT count(*)::int AS unresponsive_hosts FROM hosts
      WHERE decommissioned_at IS NULL AND last_seen_at <= now() - ${ABSENT}) AS h,
    (SELECT count(*)::int AS live_schedulers FROM schedulers WHERE last_seen_at > now() - ${ABSENT}) AS s`,
};

/** Parameters: the organization, a pattern for names with the text, one for those that begin with it. */
const search = (name: string, from: string): Statement => ({
  name,
  text: `SELECT id, name FROM ${from} organization_id = $1 AND name ILIKE $2 ORDER BY name ILIKE $3 DESC, name, id LIMIT 10`,
});
const SEARCH_SCHEDULES = search('overview_search_schedules', 'schedules WHERE deleted_at IS NULL AND');
const SEARCH_TEAMS = search('overview_search_teams', 'teams WHERE');

const ACKNOWLEDGE: Statement = {
  name: 'overview_acknowledge',
  text: `UPDATE schedule_runs SET acknowledged_at = now(), acknowledgement_note = $4,
      acknowledged_by = COALESCE((SELECT name FROM api_keys WHERE id = $3), 'an API key')
    WHERE organization_id = $1 AND id = $2 AND finished_at IS NOT NULL
    RETURNING acknowledged_at, acknowledged_by, acknowledgement_note`,
};

const EXISTS: Statement = {
  name: 'overview_run_exists',
  text: 'SELECT 1 FROM schedule_runs WHERE organization_id = $1 AND id = $2',
};

type OverviewRow = Pick<
  ShownRow,
  | 'id'
  | 'usage'
  | 'schedule_id'
  | 'trigger'
  | 'status'
  | 'phase'
  | 'scheduled_for'
  | 'started_at'
  | 'deadline_at'
  | 'finished_at'
> & {
  readonly name: string;
  readonly error_code: ErrorCode | null;
  readonly error_message: string | null;
  readonly excerpt: string | null;
  readonly words_agent: string | null;
  readonly words_text: string | null;
  readonly words_at: Date | null;
};

interface HealthRow {
  readonly at: Date;
  readonly live_workers: number;
  readonly capacity: number;
  readonly held_runs: number;
  readonly unresponsive_hosts: number;
  readonly live_schedulers: number;
}

export class PrismaOverviewStore implements OverviewStore {
  constructor(private readonly context: Pick<RunContext, 'db' | 'changes'>) {}

  /** Reads all parts in one snapshot, so that no run is in two of them. */
  readOverview(organizationId: string, since: Date): Promise<Overview> {
    return this.context.db.transaction(async (session) => {
      await session.query({ text: 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY' });
      return readParts(session, organizationId, since);
    });
  }

  async search(organizationId: string, text: string): Promise<{ schedules: Found[]; teams: Found[] }> {
    const literal = text.replaceAll(/[\\%_]/g, '\\$&');
    const values = [organizationId, `%${literal}%`, `${literal}%`];
    const [schedules, teams] = await Promise.all([
      this.context.db.query<Found>(SEARCH_SCHEDULES, values),
      this.context.db.query<Found>(SEARCH_TEAMS, values),
    ]);
    return { schedules, teams };
  }

  async acknowledge(
    organizationId: string,
    runId: string,
    keyId: string,
    note: string | null,
  ): Promise<Acknowledgement | 'open' | null> {
    if (!isId(runId)) return null;
    const { db, changes } = this.context;
    const [row] = await db.query<{
      acknowledged_at: Date;
      acknowledged_by: string;
      acknowledgement_note: string | null;
    }>(ACKNOWLEDGE, [organizationId, runId, keyId, note]);
    if (!row) return (await db.query(EXISTS, [organizationId, runId])).length > 0 ? 'open' : null;
    changes.touch(runId);
    return { at: row.acknowledged_at, by: row.acknowledged_by, note: row.acknowledgement_note };
  }
}

async function readParts(session: Session, organizationId: string, since: Date): Promise<Overview> {
  const ask = <Row extends object>(statement: Statement, ...values: unknown[]): Promise<Row[]> =>
    session.query<Row>(statement, values);
  const needsPerson = await ask<OverviewRow>(NEEDS_PERSON, organizationId);
  const active = await ask<OverviewRow>(ACTIVE, organizationId);
  const counts = await ask<{ status: RunStatus; runs: number; looked_at: number }>(COUNTS, organizationId, since);
  const used = await ask<SumRow>(ENDED_USAGE, organizationId, since);
  const ended = await ask<OverviewRow>(ENDED_RUNS, organizationId, since);
  const faults = await ask<{ id: string; name: string; fault: string; fault_since: Date }>(FAULTS, organizationId);
  const due = await ask<{ id: string; name: string; timezone: string; next_fire_at: Date }>(DUE, organizationId);
  const [health] = await ask<HealthRow>(HEALTH);
  if (!health) throw new AppError('internal', 'Postgres answered no health');
  return {
    at: health.at,
    needsPerson: needsPerson.map(toOverviewRun),
    faults: faults.map((row) => ({
      ...{ scheduleId: row.id, scheduleName: row.name, message: row.fault, since: row.fault_since },
    })),
    active: active.map(toOverviewRun),
    due: due.map((row) => ({
      scheduleId: row.id,
      scheduleName: row.name,
      timezone: row.timezone,
      at: row.next_fire_at,
    })),
    digest: {
      counts: Object.fromEntries(counts.filter(({ runs }) => runs > 0).map(({ status, runs }) => [status, runs])),
      isComplete: counts.every(({ looked_at: rows }) => rows < counted),
      usage: addUpCells(
        used.map((row) => toCell(row)),
        'runs',
      ),
      runs: ended.map(toOverviewRun),
    },
    health: {
      ...{ liveWorkers: health.live_workers, capacity: health.capacity, heldRuns: health.held_runs },
      ...{ unresponsiveHosts: health.unresponsive_hosts, liveSchedulers: health.live_schedulers },
    },
  };
}

function toOverviewRun(row: OverviewRow): OverviewRun {
  const { words_text: text, words_at: at, error_code: code } = row;
  return {
    id: row.id,
    scheduleId: row.schedule_id,
    name: row.name,
    trigger: row.trigger,
    status: row.status,
    phase: row.phase,
    scheduledFor: row.scheduled_for,
    startedAt: row.started_at,
    deadlineAt: row.deadline_at,
    finishedAt: row.finished_at,
    error: code === null ? null : { code, message: row.error_message ?? '' },
    usage: row.usage,
    excerpt: row.excerpt,
    lastWords: text !== null && at !== null ? { agent: row.words_agent, text, at } : null,
  };
}
