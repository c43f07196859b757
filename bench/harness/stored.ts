import { randomBytes } from 'node:crypto';
import { silentLogger } from '@test/fakes/silent-logger';
import type { Agent } from '@crewtab/domain/teams/team';
import { applyMigrations } from '@crewtab/store-prisma/database/migrate';
import { openStore, type Store } from '@crewtab/store-prisma/open-store';
import { Client, escapeIdentifier, Pool, type QueryResultRow } from 'pg';
import type { BenchContext } from './bench';

/** Of this process's databases, which do not outlive it. */
export const ENCRYPTION_KEY = randomBytes(32);

const QUIET_AGENT: Agent = { name: 'lead', role: 'leader', protocol: 'acp', image: 'crewtab/bench' };

export interface WantedSchedules {
  readonly count: number;
  readonly prompt: string;
  /** Null: far away, so that they only lie there. */
  readonly nextFireAt: Date | null;
}

/** A database of its own with the product's real store on it, an organization and a team. */
export class BenchStore {
  private constructor(
    readonly store: Store,
    readonly url: string,
    readonly pool: Pool,
    readonly organizationId: string,
    readonly teamId: string,
    private readonly drop: () => Promise<void>,
  ) {}

  /** @param hosts that the agents may reach; none: no network */
  static async create(
    context: BenchContext,
    agents: readonly Agent[] = [QUIET_AGENT],
    hosts: readonly string[] = [],
  ): Promise<BenchStore> {
    const name = `bench_${randomBytes(5).toString('hex')}`;
    await asAdmin(context, `CREATE DATABASE ${escapeIdentifier(name)}`);
    const url = new URL(context.adminUrl);
    url.pathname = `/${name}`;
    await applyMigrations(url.href);
    const store = await openStore({
      databaseUrl: url.href,
      encryption: { current: ENCRYPTION_KEY },
      logger: silentLogger,
    });
    const pool = new Pool({ connectionString: url.href, max: 2 });
    const made = await pool.query<{ id: string }>(`INSERT INTO organizations (name) VALUES ('bench') RETURNING id`);
    const organizationId = made.rows[0]?.id ?? '';
    const team = await store.teams.createTeam(organizationId, {
      name: 'Bench Team',
      description: null,
      network: hosts.length > 0 ? { mode: 'allowlist', hosts } : { mode: 'none', hosts: [] },
      agents,
    });
    const drop = (): Promise<void> => asAdmin(context, `DROP DATABASE ${escapeIdentifier(name)} WITH (FORCE)`);
    return new BenchStore(store, url.href, pool, organizationId, team.id, drop);
  }

  async sql<R extends QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<R[]> {
    return (await this.pool.query<R>(text, [...values])).rows;
  }

  /** Many at once, by SQL: the rows are what the API would have stored. @returns their ids */
  async addSchedules({ count, prompt, nextFireAt }: WantedSchedules): Promise<string[]> {
    const rows = await this.sql<{ id: string }>(
      `INSERT INTO schedules (organization_id, team_id, name, prompt, cron, timezone, enabled, timeout_ms, overlap, catch_up,
         catch_up_window_ms, next_fire_at, following_fire_at)
       SELECT $1, $2, 'Bench ' || n, $3, '0 0 1 1 *', 'UTC', true, 3600000, 'allow', 'latest', 3600000,
         COALESCE($4, '2098-01-01T00:00:00Z'::timestamptz), '2099-01-01T00:00:00Z'
       FROM generate_series(1, $5) AS n RETURNING id`,
      [this.organizationId, this.teamId, prompt, nextFireAt, count],
    );
    return rows.map(({ id }) => id);
  }

  async dispose(): Promise<void> {
    await this.store.close();
    await this.pool.end();
    await this.drop();
  }
}

async function asAdmin({ adminUrl }: BenchContext, statement: string): Promise<void> {
  const client = new Client({ connectionString: adminUrl });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
