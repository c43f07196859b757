import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Pool } from 'pg';

/**
 * A trigger of the harness writes every change of a run's and a schedule's state beside them, in the same transaction:
 * a row shows only what came of it, the trail shows what happened to it.
 */
const TRAIL = `
  CREATE TABLE IF NOT EXISTS chaos_run_trail (
    id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(), run_id uuid NOT NULL,
    schedule_id uuid NOT NULL, status text NOT NULL, phase text NOT NULL, epoch int NOT NULL, owner text,
    error_code text, exclusive boolean NOT NULL);
  CREATE TABLE IF NOT EXISTS chaos_schedule_trail (
    id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(), schedule_id uuid NOT NULL,
    enabled boolean NOT NULL, cron text NOT NULL, timezone text NOT NULL, overlap text NOT NULL, catch_up text NOT NULL,
    next_fire_at timestamptz, deleted_at timestamptz);
  CREATE OR REPLACE FUNCTION chaos_note_run() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF TG_OP = 'INSERT' OR (OLD.status, OLD.phase, OLD.epoch, OLD.owner, OLD.error_code)
       IS DISTINCT FROM (NEW.status, NEW.phase, NEW.epoch, NEW.owner, NEW.error_code) THEN
      INSERT INTO chaos_run_trail (run_id, schedule_id, status, phase, epoch, owner, error_code, exclusive)
      VALUES (NEW.id, NEW.schedule_id, NEW.status, NEW.phase, NEW.epoch, NEW.owner, NEW.error_code, NEW.exclusive);
    END IF;
    RETURN NULL;
  END $$;
  CREATE OR REPLACE FUNCTION chaos_note_schedule() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO chaos_schedule_trail (schedule_id, enabled, cron, timezone, overlap, catch_up, next_fire_at, deleted_at)
    VALUES (NEW.id, NEW.enabled, NEW.cron, NEW.timezone, NEW.overlap, NEW.catch_up, NEW.next_fire_at, NEW.deleted_at);
    RETURN NULL;
  END $$;
`;
/** Each in a transaction of its own: one that held both tables could meet one of the product's in a deadlock. */
const TRIGGERS = [
  `CREATE OR REPLACE TRIGGER chaos_run_trail AFTER INSERT OR UPDATE ON schedule_runs
    FOR EACH ROW EXECUTE FUNCTION chaos_note_run()`,
  `CREATE OR REPLACE TRIGGER chaos_schedule_trail AFTER INSERT OR UPDATE ON schedules
    FOR EACH ROW EXECUTE FUNCTION chaos_note_schedule()`,
];
/** Keys are secrets, and a sealed answer proves nothing. */
const NOT_DUMPED = ['api_keys', 'idempotency_keys', '_prisma_migrations'];
const QUERY_TIMEOUT_MS = 5_000;
const ROWS_AT_ONCE = 5_000;

/** Looks at the database past all proxies. Changes nothing of the product's. */
export class Observer {
  private readonly pool: Pool;

  constructor(private readonly url: string) {
    this.pool = new Pool({ connectionString: url, max: 2, connectionTimeoutMillis: QUERY_TIMEOUT_MS });
    // An idle connection that a restart of Postgres breaks.
    this.pool.on('error', () => undefined);
  }

  async keepTrail(): Promise<void> {
    for (const statement of [TRAIL, ...TRIGGERS]) await this.pool.query(statement);
  }

  async installationId(): Promise<string> {
    const { rows } = await this.pool.query<{ id: string }>('SELECT id FROM installation');
    return rows[0]?.id ?? '';
  }

  async hosts(): Promise<string[]> {
    const { rows } = await this.pool.query<{ host: string }>(
      'SELECT DISTINCT host FROM schedule_runs WHERE host IS NOT NULL',
    );
    return rows.map(({ host }) => host);
  }

  /** Queued and running runs; null while Postgres does not answer. */
  async countActive(): Promise<number | null> {
    return this.count(`SELECT count(*)::int AS count FROM schedule_runs WHERE status IN ('queued', 'running')`);
  }

  /** Runs of which anything is left to be done; null while Postgres does not answer. */
  async countUnfinished(): Promise<number | null> {
    return this.count(`SELECT count(*)::int AS count FROM schedule_runs WHERE phase <> 'finished'`);
  }

  async countByStatus(): Promise<Record<string, number>> {
    const { rows } = await this.pool.query<{ status: string; count: number }>(
      'SELECT status, count(*)::int AS count FROM schedule_runs GROUP BY 1 ORDER BY 2 DESC',
    );
    return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
  }

  async errorCodes(): Promise<Record<string, number>> {
    const { rows } = await this.pool.query<{ code: string; count: number }>(
      `SELECT error_code AS code, count(*)::int AS count FROM schedule_runs WHERE error_code IS NOT NULL
       GROUP BY 1 ORDER BY 2 DESC`,
    );
    return Object.fromEntries(rows.map(({ code, count }) => [code, count]));
  }

  /** Ids of worker processes, by their pid on this machine. */
  async workerIds(): Promise<ReadonlyMap<number, string>> {
    const { rows } = await this.pool.query<{ id: string; pid: number }>(
      'SELECT id, pid FROM workers ORDER BY started_at',
    );
    return new Map(rows.map(({ id, pid }) => [pid, id]));
  }

  /** Ids of the workers that took any run which was asked for later than `since`. */
  async takersSince(since: Date): Promise<ReadonlySet<string>> {
    const { rows } = await this.pool.query<{ owner: string }>(
      `SELECT DISTINCT t.owner FROM chaos_run_trail t JOIN schedule_runs r ON r.id = t.run_id
       WHERE r.queued_at > $1 AND t.owner IS NOT NULL`,
      [since],
    );
    return new Set(rows.map(({ owner }) => owner));
  }

  /** All tables, one file each, one row a line, in one snapshot. */
  async dump(folder: string): Promise<void> {
    const client = new Client({ connectionString: this.url });
    await client.connect();
    try {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      const { rows } = await client.query<{ name: string }>(
        `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' AND NOT tablename = ANY($1)`,
        [NOT_DUMPED],
      );
      for (const { name } of rows) await dumpTable(client, name, join(folder, `${name}.jsonl`));
    } finally {
      await client.end();
    }
  }

  close(): Promise<void> {
    return this.pool.end();
  }

  private async count(sql: string): Promise<number | null> {
    try {
      const { rows } = await this.pool.query<{ count: number }>(sql);
      return rows[0]?.count ?? null;
    } catch {
      // Postgres is a target of faults itself.
      return null;
    }
  }
}

async function dumpTable(client: Client, table: string, file: string): Promise<void> {
  await writeFile(file, '');
  await client.query(
    `DECLARE dump CURSOR FOR SELECT row_to_json(t)::text AS line FROM ${client.escapeIdentifier(table)} t ORDER BY t`,
  );
  for (;;) {
    const { rows } = await client.query<{ line: string }>(`FETCH ${ROWS_AT_ONCE} FROM dump`);
    if (rows.length === 0) break;
    await writeFile(file, rows.map(({ line }) => `${line}\n`).join(''), { flag: 'a' });
  }
  await client.query('CLOSE dump');
}
