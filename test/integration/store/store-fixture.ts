import { openStore, type Store } from '@crewtab/store-prisma/open-store';
import type { NewSchedule } from '@crewtab/domain/ports/management-store';
import type { Run } from '@crewtab/domain/runs/run';
import type { Agent } from '@crewtab/domain/teams/team';
import { createHash, randomUUID } from 'node:crypto';
import { Pool, type QueryResultRow } from 'pg';
import { findUntoldChanges, installTrail } from './event-trail';
import { createTestDatabase, type TestDatabase } from '../../kit/services/database';

export const ENCRYPTION_KEY = Buffer.alloc(32, 7);
export const FAR_FUTURE = new Date('2099-01-01T00:00:00Z');

export const AGENTS: readonly Agent[] = [
  {
    name: 'lead',
    role: 'leader',
    protocol: 'acp',
    image: 'agent:test',
    env: { TOKEN: 'top secret' },
    mcpServers: [
      { name: 'files', command: 'mcp-files', args: ['--all'], env: { KEY: 'top secret' } },
      { name: 'tracker', url: 'https://mcp.example.com/mcp', headers: { Authorization: 'top secret' } },
    ],
    resources: { cpus: 0.5, memory: '64m' },
    permissionRules: [{ kind: 'execute', command: 'git *', allow: false }],
    authMethod: 'key',
    handshakeTimeoutMs: 70_000,
    idleTimeoutMs: 60_000,
  },
  {
    name: 'writer',
    role: 'worker',
    protocol: 'command',
    command: ['cat', '-u'],
    instructions: 'Write.',
    permissions: 'deny',
  },
];

/** A database of its own with the real store on it, and a second connection for what the store would never do. */
export class StoreFixture {
  private constructor(
    readonly store: Store,
    readonly databaseUrl: string,
    private readonly pool: Pool,
    private readonly drop: () => Promise<void>,
  ) {}

  /** @param database default: one that the servers' superuser owns */
  static async create(database?: TestDatabase): Promise<StoreFixture> {
    database ??= await createTestDatabase();
    const store = await openStore({ databaseUrl: database.url, encryption: { current: ENCRYPTION_KEY } });
    const pool = new Pool({ connectionString: database.url, max: 4 });
    const fixture = new StoreFixture(store, database.url, pool, () => database.drop());
    await installTrail((text) => fixture.sql(text));
    return fixture;
  }

  /** Fails where a statement of the tests changed a run without an event, or the other way round (I16). */
  async dispose(): Promise<void> {
    await this.store.close();
    const untold = await this.findUntoldChanges();
    await this.pool.end();
    await this.drop();
    if (untold.length > 0) throw new Error(untold.join('\n'));
  }

  findUntoldChanges(): Promise<string[]> {
    return findUntoldChanges((text) => this.sql(text));
  }

  async sql<R extends QueryResultRow = QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<R[]> {
    return (await this.pool.query<R>(text, [...values])).rows;
  }

  /** Empties everything, so that tests of one file share a database. Triggers that guard single rows do not see it. */
  async empty(): Promise<void> {
    const untold = await this.findUntoldChanges();
    if (untold.length > 0) throw new Error(untold.join('\n'));
    await this.sql(
      'TRUNCATE organizations, api_keys, teams, agents, schedules, schedule_runs, run_events, test_run_trail, idempotency_keys, hosts, workers, schedulers CASCADE',
    );
  }

  async organization(name = `org-${randomUUID()}`): Promise<string> {
    const [row] = await this.sql<{ id: string }>('INSERT INTO organizations (name) VALUES ($1) RETURNING id', [name]);
    if (!row) throw new Error('no organization was made');
    return row.id;
  }

  async team(organizationId: string, agents: readonly Agent[] = AGENTS): Promise<string> {
    const team = await this.store.teams.createTeam(organizationId, {
      name: 'Marketing Team',
      description: null,
      network: { mode: 'none', hosts: [] },
      agents,
    });
    return team.id;
  }

  /** An enabled schedule of a new team of a new organization, unless told otherwise. */
  async schedule(
    wish: Partial<NewSchedule> & {
      organizationId?: string;
      nextFireAt?: Date | null;
      followingFireAt?: Date | null;
    } = {},
  ) {
    const {
      organizationId = await this.organization(),
      nextFireAt = FAR_FUTURE,
      followingFireAt = null,
      ...special
    } = wish;
    const teamId = special.teamId ?? (await this.team(organizationId));
    const schedule = await this.store.schedules.createSchedule(
      organizationId,
      {
        teamId,
        name: 'Daily report',
        prompt: 'Write a report.',
        cron: '0 9 * * *',
        timezone: 'Europe/Berlin',
        enabled: true,
        timeoutMs: 3_600_000,
        overlap: 'allow',
        catchUp: 'latest',
        catchUpWindowMs: 3_600_000,
        promptFormat: 'plain',
        variables: {},
        allowEmpty: false,
        allowOpenToolCalls: false,
        verify: null,
        artifacts: null,
        ...special,
      },
      special.enabled === false ? { nextFireAt: null, followingFireAt: null } : { nextFireAt, followingFireAt },
    );
    if (!schedule) throw new Error('no schedule was made');
    return schedule;
  }

  async manualRun(organizationId: string, scheduleId: string): Promise<Run> {
    const run = await this.store.archive.createManualRun(organizationId, scheduleId);
    if (!run) throw new Error('no run was made');
    return run;
  }

  /** Does `work` in one transaction of its own, which it commits. */
  async inTransaction(
    work: (sql: (text: string, values: readonly unknown[]) => Promise<unknown>) => Promise<void>,
  ): Promise<void> {
    const client = await this.pool.connect();
    try {
      await client.query('BEGIN');
      await work((text, values) => client.query(text, [...values]));
      await client.query('COMMIT');
    } finally {
      client.release();
    }
  }

  /** Holds the run's row in a transaction while `work` goes on. */
  async whileLocked(runId: string, work: () => Promise<void>): Promise<void> {
    const client = await this.pool.connect();
    try {
      await client.query('BEGIN');
      await client.query('SELECT 1 FROM schedule_runs WHERE id = $1 FOR UPDATE', [runId]);
      await work();
    } finally {
      await client.query('ROLLBACK');
      client.release();
    }
  }

  async expireLease(runId: string): Promise<void> {
    await this.sql(
      `UPDATE schedule_runs SET lease_until = now() - interval '1 second' WHERE id = $1 AND owner IS NOT NULL`,
      [runId],
    );
  }
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
