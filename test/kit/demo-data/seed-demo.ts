import { parseCron } from '@crewtab/domain/schedules/cron';
import { nextFire } from '@crewtab/domain/schedules/next-fire';
import { deploymentName } from '@crewtab/domain/runs/run';
import { applyMigrations } from '@crewtab/store-prisma/database/migrate';
import { Client } from 'pg';
import { DEMO_SCHEDULES, DEMO_TEAMS } from './demo-content';
import { idOf, makeHistory, pausedAt, usagesOf, type DemoRun } from './demo-history';
import { eventsOf } from './demo-events';

const MINUTE_MS = 60_000;
const BATCH = 200;
const HOST = 'QK7R:DEMO:HARBOUR:BUILD1';
/** As the first start names it (libs/store-prisma/management/prisma-access-store.ts). */
const ORGANIZATION = 'default';

export interface DemoOptions {
  readonly databaseUrl: string;
  /** The end of the history; default: now. */
  readonly now?: Date;
  /** Adds to an installation that has teams or schedules already. */
  readonly isForced?: boolean;
}

export interface DemoReport {
  readonly teams: number;
  readonly schedules: number;
  readonly runs: number;
  readonly messages: number;
}

/** An installation that has something to lose. */
export class NotEmptyError extends Error {}

/**
 * Fills an installation with a month of history, in one transaction: all of it or nothing. The rows are written as they would
 * stand after that month, so the role must be allowed to set `session_replication_role`: triggers would date every event now.
 * @throws NotEmptyError unless `isForced`, where there are teams or schedules
 */
export async function seedDemo({ databaseUrl, now = new Date(), isForced = false }: DemoOptions): Promise<DemoReport> {
  await applyMigrations(databaseUrl);
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query('BEGIN');
    const report = await fill(client, now, isForced);
    await client.query('COMMIT');
    await client.query('ANALYZE');
    return report;
  } finally {
    await client.end();
  }
}

async function fill(client: Client, now: Date, isForced: boolean): Promise<DemoReport> {
  const organizationId = await organizationOf(client);
  const found = await client.query(
    'SELECT 1 FROM teams WHERE organization_id = $1 UNION ALL SELECT 1 FROM schedules WHERE organization_id = $1 LIMIT 1',
    [organizationId],
  );
  if (found.rowCount !== 0 && !isForced)
    throw new NotEmptyError('this installation has teams or schedules already; --force adds the demo data to them');
  await client.query('SET LOCAL session_replication_role = replica');
  const bornAt = new Date(now.getTime() - 45 * 24 * 60 * MINUTE_MS);
  const history = makeHistory(now);
  await insert(client, 'teams', teamRows(organizationId, bornAt));
  await insert(client, 'agents', agentRows(organizationId, bornAt));
  await insert(client, 'schedules', scheduleRows(organizationId, bornAt, now));
  await insertRevisions(client, bornAt, now);
  await insert(client, 'hosts', [
    {
      id: HOST,
      runtime: 'docker',
      description: 'Docker 28.5.1 on build-1',
      first_seen_at: bornAt,
      last_seen_at: now,
      reaped_at: now,
    },
  ]);
  await insert(client, 'workers', [
    {
      ...{ id: 'build-1-4211', host_id: HOST, hostname: 'build-1', pid: 4211, version: '0.2.0', started_at: bornAt },
      ...{ last_seen_at: now, capacity: 10, held_runs: 1, adopted_runs: 2, reaper_last_pass_at: now, reaped_runs: 3 },
      resisting_things: 0,
    },
  ]);
  for (let at = 0; at < history.length; at += BATCH)
    await insertRuns(client, organizationId, bornAt, history.slice(at, at + BATCH));
  await client.query(COUNT_USAGE);
  await client.query(TELL_USAGE);
  await client.query(TELL_COST);
  const messages = history.reduce((sum, { talk }) => sum + talk.messages.length, 0);
  return { teams: DEMO_TEAMS.length, schedules: DEMO_SCHEDULES.length, runs: history.length, messages };
}

async function organizationOf(client: Client): Promise<string> {
  await client.query('INSERT INTO organizations (name) VALUES ($1) ON CONFLICT (name) DO NOTHING', [ORGANIZATION]);
  const { rows } = await client.query<{ id: string }>('SELECT id FROM organizations WHERE name = $1', [ORGANIZATION]);
  return rows[0]?.id ?? '';
}

const teamIdOf = (key: string, bornAt: Date): string => idOf(bornAt, `team ${key}`);
const scheduleIdOf = (name: string, bornAt: Date): string => idOf(bornAt, `schedule ${name}`);

/** What the triggers would have done. */
const COUNT_USAGE = `INSERT INTO agent_usages SELECT counted.* FROM schedule_runs r, crewtab_count_usage(r) AS counted
  WHERE r.phase = 'finished' AND r.started_at IS NOT NULL ON CONFLICT DO NOTHING`;
const TELL_COST = `UPDATE schedule_runs r SET cost = (crewtab_usage_of_run(r.id) -> 'cost' ->> 'amount')::float8
  WHERE r.phase = 'finished' AND r.started_at IS NOT NULL`;
const TELL_USAGE = `UPDATE run_events e SET data = e.data || jsonb_build_object('usage', crewtab_usage_of_run(e.run_id))
  WHERE e.data ? 'from' AND e.data -> 'to' ->> 'phase' = 'finished' AND NOT e.data ? 'usage' AND crewtab_usage_of_run(e.run_id) IS NOT NULL`;

type Row = Readonly<Record<string, unknown>>;

function teamRows(organization_id: string, bornAt: Date): Row[] {
  return DEMO_TEAMS.map(({ key, name, description, network, hosts }) => ({
    ...{ id: teamIdOf(key, bornAt), organization_id, name, description, network, network_hosts: hosts },
    ...{ created_at: bornAt, updated_at: bornAt },
  }));
}

function agentRows(organization_id: string, bornAt: Date): Row[] {
  return DEMO_TEAMS.flatMap(({ key, agents }) =>
    agents.map((agent, position) => ({ organization_id, team_id: teamIdOf(key, bornAt), position, ...agent })),
  );
}

function scheduleRows(organization_id: string, bornAt: Date, now: Date): Row[] {
  return DEMO_SCHEDULES.map((schedule) => {
    const { name, cron, timezone, prompt, isEnabled, timeoutMinutes, overlap, catchUp } = schedule;
    const parsed = parseCron(cron);
    if (!parsed.ok) throw new Error(`${cron}: ${parsed.message}`);
    const next = isEnabled ? nextFire(parsed.cron, timezone, now) : null;
    return {
      ...{
        id: scheduleIdOf(name, bornAt),
        organization_id,
        team_id: teamIdOf(schedule.team, bornAt),
        name,
        prompt,
        cron,
      },
      ...{ timezone, enabled: isEnabled, timeout_ms: timeoutMinutes * MINUTE_MS, overlap, catch_up: catchUp },
      ...{ catch_up_window_ms: 60 * MINUTE_MS, next_fire_at: next, created_at: bornAt, updated_at: bornAt },
      following_fire_at: next && nextFire(parsed.cron, timezone, next),
      ...{
        spec_version: 1,
        clock_version: 0,
        note: schedule.revisions?.at(-1)?.note ?? null,
        note_at: pausedAt(schedule, now),
        revision: 1 + (schedule.revisions?.length ?? 0),
      },
    };
  });
}

/** As the database would have noted them: each with all fields as they stood then. */
async function insertRevisions(client: Client, bornAt: Date, now: Date): Promise<void> {
  for (const { name, revisions = [] } of DEMO_SCHEDULES) {
    const born = { kind: 'created', changed: [] as string[], note: null as string | null, at: bornAt };
    const edits = revisions.map(({ daysAgo, was, note = null }) => ({
      ...{ kind: was.enabled ? 'paused' : 'edited', changed: Object.keys(was), note },
      at: new Date(now.getTime() - daysAgo * 24 * 60 * MINUTE_MS),
    }));
    for (const [index, { kind, changed, note, at }] of [born, ...edits].entries()) {
      const later = revisions.slice(index).map(({ was }) => was);
      const fields: unknown = Object.assign({}, ...later.reverse());
      await client.query(
        `INSERT INTO schedule_revisions (organization_id, schedule_id, revision, kind, changed, fields, note, at)
         SELECT organization_id, id, $2, $3, $4, schedule_fields(s) || $5::jsonb, $6, $7 FROM schedules s WHERE id = $1`,
        [scheduleIdOf(name, bornAt), index + 1, kind, changed, JSON.stringify(fields), note, at],
      );
    }
  }
}

async function insertRuns(
  client: Client,
  organization_id: string,
  bornAt: Date,
  runs: readonly DemoRun[],
): Promise<void> {
  const begun = runs.filter(({ startedAt }) => startedAt !== null);
  const owner = { organization_id };
  await insert(
    client,
    'schedule_runs',
    runs.map((run) => runRow(run, organization_id, bornAt)),
  );
  await insert(
    client,
    'deployments',
    begun.map(({ id, team, startedAt }) => ({
      ...owner,
      ...{ id: idOf(startedAt ?? bornAt, `deployment ${id}`), run_id: id, name: deploymentName(team.name, id, 12) },
      ...{ host: HOST, runtime: 'docker', created_at: startedAt },
    })),
  );
  await insert(
    client,
    'deployment_agents',
    begun.flatMap((run) => {
      const { id, team, startedAt, promptAt, talk } = run;
      const usages = usagesOf(run);
      return team.agents.map(({ name }, position) => ({
        ...{ ...owner, run_id: id, name, position, handle: idOf(startedAt ?? bornAt, name).replaceAll('-', '') },
        ...{ container: `${deploymentName(team.name, id, 12)}-${name}`, started_at: startedAt, ready_at: promptAt },
        ended_at: run.finishedAt,
        ...{ stdout_lines: talk.messages.length, stderr_lines: 0, usage: usages.get(name) ?? null },
      }));
    }),
  );
  await insert(
    client,
    'prompt_permits',
    begun.map(({ id, promptAt }) => ({ ...owner, run_id: id, epoch: 1, permitted_at: promptAt, sent_at: promptAt })),
  );
  await insert(
    client,
    'messages',
    begun.flatMap(({ id, talk }) =>
      talk.messages.map(({ toolCallId = null, turn = `prompt:${id}`, ...message }, at) => ({
        ...{ ...owner, run_id: id, seq: at + 1, ...message, tool_call_id: toolCallId },
        turn: message.agent === null || message.kind === 'prompt' ? null : turn,
      })),
    ),
  );
  await insert(
    client,
    'delegations',
    begun.flatMap(({ id: run_id, team, talk }) =>
      talk.delegations.map(({ id, to, task, answer, openedAt, answeredAt }) => ({
        ...{ ...owner, run_id, id, from_agent: team.agents[0]?.name, to_agent: to, task, opened_at: openedAt },
        ...{ permit_epoch: 1, answer: answer === null ? null : { text: answer }, answered_at: answeredAt },
      })),
    ),
  );
  await insert(
    client,
    'run_events',
    runs.flatMap((run) =>
      eventsOf(run, HOST).map((event) => ({
        ...owner,
        ...{ schedule_id: scheduleIdOf(run.schedule.name, bornAt), run_id: run.id, ...event },
      })),
    ),
  );
}

function runRow(run: DemoRun, organization_id: string, bornAt: Date): Row {
  const { schedule, team, startedAt, finishedAt } = run;
  const timeoutMs = schedule.timeoutMinutes * MINUTE_MS;
  const hasEnded = finishedAt !== null && startedAt !== null;
  const isAsked = run.status === 'cancelled';
  return {
    ...{ id: run.id, organization_id, schedule_id: scheduleIdOf(schedule.name, bornAt), attempt: 1 },
    ...{ team_id: teamIdOf(team.key, bornAt), trigger: run.trigger, scheduled_for: run.scheduledFor },
    ...{ status: run.status, phase: run.phase, queued_at: run.queuedAt, team_name: team.name, network: team.network },
    ...{ network_hosts: team.hosts, prompt: schedule.prompt, timeout_ms: timeoutMs, agents: team.agents },
    ...{ exclusive: schedule.overlap !== 'allow', epoch: startedAt ? 1 : 0, host: startedAt && HOST },
    ...{ started_at: startedAt, deadline_at: startedAt && new Date(startedAt.getTime() + timeoutMs) },
    ...{ finished_at: finishedAt, result: run.result, last_seq: run.talk.messages.length, blocked_by: run.blockedBy },
    ...{ error_code: run.error?.code ?? null, error_message: run.error?.message ?? null },
    ...{ gap_from: run.gap?.from ?? null, gap_to: run.gap?.to ?? null },
    ...{ cancel_requested_at: isAsked ? finishedAt : null },
    cancel_code: isAsked ? (schedule.overlap === 'replace' ? 'replaced' : 'cancelled') : null,
    ...{ teardown_failed_attempts: 0, removed_other: {}, removed_containers: hasEnded ? team.agents.length : 0 },
    ...{ removed_networks: 0, removed_volumes: hasEnded ? 1 : 0, teardown_begun_at: hasEnded ? finishedAt : null },
    concluded_at: hasEnded ? finishedAt : null,
    teardown_verified_at: hasEnded ? new Date(finishedAt.getTime() + 1_200) : null,
  };
}

/** One statement, whatever the number of rows; all of them have the columns of the first. */
async function insert(client: Client, table: string, rows: readonly Row[]): Promise<void> {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))].map((name) => `"${name}"`).join(', ');
  if (rows.length === 0) return;
  await client.query(
    `INSERT INTO "${table}" (${columns}) SELECT ${columns} FROM jsonb_populate_recordset(NULL::"${table}", $1::jsonb)`,
    [JSON.stringify(rows)],
  );
}
