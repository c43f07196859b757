import { Client } from 'pg';

export interface Filling {
  readonly schedules: number;
  readonly runs: number;
  /** Two of them for each run that began: what the agents said. */
  readonly hasMessages: boolean;
}

/** Steps between two runs of the history, ms: a million of them go back almost two years. */
export const STEP_MS = 60_000;

/** The first schedule has this share of all runs; the others share the rest. */
const BUSY_SHARE = 0.5;

/**
 * Of run number n: 99 % are fired by their schedule and succeed; every other status and trigger has 0.1 % or less, except
 * `failed` and `manual`. Missed and skipped runs are never manual.
 */
const STATUS = `CASE WHEN n % 1000 = 1 THEN 'timeout' WHEN n % 1000 = 2 THEN 'cancelled' WHEN n % 1000 = 3 THEN 'skipped'
      WHEN n % 1000 = 4 THEN 'missed' WHEN n % 1000 BETWEEN 5 AND 9 THEN 'failed' ELSE 'success' END`;
const TRIGGER = `CASE WHEN n % 1000 = 11 THEN 'rerun' WHEN n % 1000 = 12 THEN 'catchup' WHEN n % 1000 BETWEEN 13 AND 17 THEN 'manual'
      WHEN n % 200000 = 1 THEN 'manual' ELSE 'schedule' END`;

/** Parameters: organization, team, count. */
const SCHEDULES = `INSERT INTO schedules (organization_id, team_id, name, prompt, cron, timezone, enabled, timeout_ms, overlap, catch_up,
    catch_up_window_ms, next_fire_at, following_fire_at)
  SELECT $1, $2, 'Schedule ' || n, repeat('Look through the inbox. ', 8), '0 0 1 1 *', 'UTC', n % 10 <> 0, 3600000, 'allow', 'latest', 3600000,
    CASE WHEN n % 10 <> 0 THEN '2098-01-01T00:00:00Z'::timestamptz END, CASE WHEN n % 10 <> 0 THEN '2099-01-01T00:00:00Z'::timestamptz END
  FROM generate_series(1, $3::int) AS n`;

/** Parameters: organization, first and last number, all. Number `all` is the newest. Ids hold the instant, as real ones do. */
const RUNS = `WITH numbered AS MATERIALIZED (
      SELECT array_agg(id ORDER BY id) AS ids FROM schedules WHERE organization_id = $1)
    INSERT INTO schedule_runs (id, organization_id, schedule_id, team_id, trigger, scheduled_for, status, phase, queued_at, team_name, network,
      prompt, timeout_ms, agents, exclusive, epoch, host, started_at, deadline_at, finished_at, result, error_code, error_message,
      last_seq, teardown_begun_at, teardown_verified_at, removed_containers, removed_networks, removed_volumes)
    SELECT (lpad(to_hex((extract(epoch FROM run.at) * 1000)::bigint), 12, '0') || '7' || left(md5(run.n::text), 3) || '8' || right(md5(run.n::text), 15))::uuid,
      s.organization_id, s.id, s.team_id, run.trigger, run.at, run.status, 'finished', run.at, 'Bench Team', 'egress', s.prompt,
      s.timeout_ms, '[{"name": "lead", "role": "leader", "protocol": "acp", "image": "crewtab/bench"}]', false, 1,
      CASE WHEN began THEN 'bench-host' END, CASE WHEN began THEN run.at END, CASE WHEN began THEN run.at + interval '1 hour' END,
      run.at + (CASE WHEN run.n % 1000 = 7 THEN 500 ELSE 50 END) * interval '1 second', CASE WHEN run.status = 'success' THEN repeat('All is well. ', 20) END,
      CASE WHEN run.status <> 'success' THEN 'agent_failed' END, CASE WHEN run.status <> 'success' THEN 'of the bench' END,
      CASE WHEN began THEN 2 ELSE 0 END, CASE WHEN began THEN run.at + interval '50 seconds' END,
      CASE WHEN began THEN run.at + interval '51 seconds' END, began::int, began::int, began::int
    FROM numbered
    CROSS JOIN LATERAL (
      SELECT n, (${STATUS})::run_status AS status, (${TRIGGER})::run_trigger AS trigger,
        date_trunc('minute', now()) - ($4::int - n) * interval '${STEP_MS} milliseconds' AS at
      FROM generate_series($2::int, $3::int) AS n) AS run
    CROSS JOIN LATERAL (SELECT run.status NOT IN ('skipped', 'missed') AS began) AS state
    JOIN schedules s ON s.id = numbered.ids[CASE WHEN hashint4(run.n) & 1023 < ${1024 * BUSY_SHARE} THEN 1
      ELSE 2 + (hashint4(run.n) & 1048575) % GREATEST(1, array_length(numbered.ids, 1) - 1) END]`;

/** Of the runs whose instants are between the parameters $1 and $2. */
const OF_BEGUN = (what: string): string => `INSERT INTO ${what} FROM schedule_runs r
    WHERE r.scheduled_for >= $1 AND r.scheduled_for < $2 AND r.started_at IS NOT NULL`;

const PARTS: readonly string[] = [
  OF_BEGUN(`deployments (organization_id, run_id, name, host, runtime, created_at)
    SELECT r.organization_id, r.id, 'bench-run-' || r.id, r.host, 'docker', r.started_at`),
  OF_BEGUN(`deployment_agents (organization_id, run_id, name, position, handle, started_at, ready_at, stdout_lines)
    SELECT r.organization_id, r.id, 'lead', 1, 'container', r.started_at, r.started_at, 12`),
  // One in ten has reported nothing, one in four no cost.
  OF_BEGUN(`agent_usages (organization_id, run_id, agent, schedule_id, team_id, scheduled_for, preset, model, is_leader, input_tokens,
      output_tokens, cost, currency, lacks_tokens, lacks_cost, run_lacks_tokens, run_lacks_cost, run_knows_tokens, run_knows_cost)
    SELECT r.organization_id, r.id, 'lead', r.schedule_id, r.team_id, r.scheduled_for, 'coder', 'model ' || (u.n & 7), true,
      CASE WHEN u.tokens THEN u.n END, CASE WHEN u.tokens THEN u.n / 10 END, CASE WHEN u.cost THEN u.n / 1e5 END,
      CASE WHEN u.cost THEN 'USD' END, NOT u.tokens, NOT u.cost, NOT u.tokens, NOT u.cost, u.tokens, u.cost`).replace(
    'FROM schedule_runs r',
    `FROM schedule_runs r CROSS JOIN LATERAL (
      SELECT n, n % 10 <> 0 AS tokens, n % 4 <> 0 AND n % 10 <> 0 AS cost
      FROM (SELECT hashint8(extract(epoch FROM r.scheduled_for)::bigint) & 65535 AS n) AS hashed) AS u`,
  ),
  // As the trigger would have told it.
  `UPDATE schedule_runs r SET cost = u.cost FROM agent_usages u
    WHERE u.run_id = r.id AND u.cost IS NOT NULL AND r.scheduled_for >= $1 AND r.scheduled_for < $2`,
  OF_BEGUN(`prompt_permits (organization_id, run_id, epoch, permitted_at, sent_at)
    SELECT r.organization_id, r.id, 1, r.started_at, r.started_at`),
];
const MESSAGES = `INSERT INTO messages (organization_id, run_id, seq, agent, kind, content, at)
  SELECT r.organization_id, r.id, seq, 'lead', CASE seq WHEN 1 THEN 'prompt' ELSE 'agent_message' END::message_kind,
    jsonb_build_object('text', CASE seq WHEN 1 THEN r.prompt ELSE r.result END), r.started_at
  FROM schedule_runs r, generate_series(1, 2) AS seq
  WHERE r.scheduled_for >= $1 AND r.scheduled_for < $2 AND r.started_at IS NOT NULL`;

/** Runs of one transaction: its progress can be seen, and a stop loses little. */
const BATCH = 100_000;

/**
 * Fills a migrated database with a history, one organization and team of it. The rows obey all checks; foreign keys are
 * not looked up one by one (the role must be allowed to set `session_replication_role`).
 */
export async function fillDatabase(
  databaseUrl: string,
  { organizationId, teamId }: { readonly organizationId: string; readonly teamId: string },
  { schedules, runs, hasMessages }: Filling,
  log: (line: string) => void,
): Promise<void> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(`SET session_replication_role = replica`);
    await client.query(`SET synchronous_commit = off`);
    await client.query(SCHEDULES, [organizationId, teamId, schedules]);
    for (let first = 1; first <= runs; first += BATCH) {
      const last = Math.min(runs, first + BATCH - 1);
      await client.query(RUNS, [organizationId, first, last, runs]);
      log(`${last.toLocaleString('en-US')} runs`);
    }
    const { rows } = await client.query<{ from: Date; until: Date }>(
      `SELECT min(scheduled_for) AS from, max(scheduled_for) + interval '1 second' AS until FROM schedule_runs`,
    );
    for (const part of hasMessages ? [...PARTS, MESSAGES] : PARTS)
      await client.query(part, [rows[0]?.from, rows[0]?.until]);
    log('vacuuming, as autovacuum would have done by now');
    await client.query('VACUUM (ANALYZE)');
  } finally {
    await client.end();
  }
}
