import { showAgent } from '@crewtab/domain/teams/edit-agents';
import { openStore, type Store } from '@crewtab/store-prisma/open-store';
import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { AGENTS, ENCRYPTION_KEY, StoreFixture } from './store-fixture';

const NEW_KEY = Buffer.alloc(32, 9);
const WORKER = { workerId: 'w', host: 'h' };
const SECRET = 'top secret';

let fixture: StoreFixture;
let opened: Store[] = [];
beforeEach(async () => (fixture = await StoreFixture.create()));
afterEach(async () => {
  for (const store of opened) await store.close();
  opened = [];
  await fixture.dispose();
});

const open = async (current: Buffer, former: Buffer | null = null): Promise<Store> => {
  const store = await openStore({ databaseUrl: fixture.databaseUrl, encryption: { current, former } });
  opened.push(store);
  return store;
};
const quiet = (): void => undefined;
const keyId = (key: Buffer): string => createHash('sha256').update(key).digest('hex').slice(0, 8);

/** Everything that is sealed in the database. */
async function sealedTexts(): Promise<string[]> {
  const rows = await fixture.sql<{ sealed: string }>(`
    SELECT sealed_env AS sealed FROM agents WHERE sealed_env IS NOT NULL
    UNION ALL SELECT sealed_mcp_servers FROM agents WHERE sealed_mcp_servers IS NOT NULL
    UNION ALL SELECT a ->> 'sealedEnv' FROM schedule_runs, jsonb_array_elements(agents) a WHERE a ? 'sealedEnv'
    UNION ALL SELECT a ->> 'sealedMcpServers' FROM schedule_runs, jsonb_array_elements(agents) a WHERE a ? 'sealedMcpServers'
    UNION ALL SELECT sealed_value FROM secrets
    UNION ALL SELECT s.value FROM schedule_runs, jsonb_each_text(secrets) s
    UNION ALL SELECT sealed_body FROM idempotency_keys WHERE sealed_body IS NOT NULL
    UNION ALL SELECT seal_check FROM installation`);
  return rows.map(({ sealed }) => sealed);
}

/** A claimed run of a team whose leader has a secret. */
async function claimed(store: Store = fixture.store, organizationId?: string) {
  const schedule = await fixture.schedule(organizationId === undefined ? {} : { organizationId });
  const { id } = await fixture.manualRun(schedule.organizationId, schedule.id);
  return { schedule, runId: id, run: await store.runs.claim(id, WORKER) };
}

/** As versions before 0.2 sealed. */
function sealUnbound(text: string): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', ENCRYPTION_KEY, nonce);
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return `v1:${keyId(ENCRYPTION_KEY)}:${Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url')}`;
}

/** The database as an earlier version left it. */
async function makeOld(): Promise<void> {
  const env = sealUnbound(JSON.stringify({ TOKEN: SECRET }));
  await fixture.sql('UPDATE agents SET sealed_env = $1 WHERE sealed_env IS NOT NULL', [env]);
  await fixture.sql(
    `UPDATE schedule_runs SET agents = jsonb_set(agents, '{0,sealedEnv}', to_jsonb($1::text)) WHERE agents -> 0 ? 'sealedEnv'`,
    [env],
  );
  await fixture.sql('UPDATE idempotency_keys SET sealed_body = $1', [sealUnbound('{"body":{"id":1}}')]);
  await fixture.sql('UPDATE installation SET seal_check = $1', [sealUnbound('crewtab')]);
}

describe('a sealed value that was moved in the database', () => {
  const env = (name: string) => ({ name, protocol: 'command', command: ['x'], env: { TOKEN: `of ${name}` } }) as const;
  const TEAM = [
    { ...env('lead'), role: 'leader' },
    { ...env('writer'), role: 'worker' },
  ] as const;

  it.each([
    [
      'between two agents of a team',
      `UPDATE agents SET sealed_env = (SELECT o.sealed_env FROM agents o WHERE o.team_id = agents.team_id AND o.name <> agents.name)
        WHERE team_id = $1 AND $2::uuid IS NOT NULL`,
    ],
    [
      'from another organization',
      `UPDATE agents SET sealed_env = (SELECT o.sealed_env FROM agents o WHERE o.team_id = $2 AND o.name = agents.name)
        WHERE team_id = $1`,
    ],
  ])('%s opens for no run, and the run says which agent', async (_, move) => {
    const organizationId = await fixture.organization();
    const teamId = await fixture.team(organizationId, TEAM);
    const elsewhere = await fixture.team(await fixture.organization(), TEAM);
    await fixture.sql(move, [teamId, elsewhere]);
    const schedule = await fixture.schedule({ organizationId, teamId });
    const { id } = await fixture.manualRun(organizationId, schedule.id);
    const run = await fixture.store.runs.claim(id, WORKER);
    expect(run?.plan.agents.map(({ env, envFault }) => [env, envFault?.code])).toEqual([
      [undefined, 'environment_unreadable'],
      [undefined, 'environment_unreadable'],
    ]);
    expect(run?.plan.agents[1]?.envFault?.message).toContain('writer: ');
    // The API goes on showing the run.
    expect((await fixture.store.archive.getRun(organizationId, id))?.id).toBe(id);
    await expect(fixture.store.teams.getTeam(organizationId, teamId)).rejects.toThrow('moved from another place');
  });

  it('between the agents of a run opens for neither', async () => {
    const organizationId = await fixture.organization();
    const schedule = await fixture.schedule({ organizationId, teamId: await fixture.team(organizationId, TEAM) });
    const { id } = await fixture.manualRun(organizationId, schedule.id);
    await fixture.sql(
      `UPDATE schedule_runs SET agents = jsonb_set(jsonb_set(agents, '{0,sealedEnv}', agents -> 1 -> 'sealedEnv'),
        '{1,sealedEnv}', agents -> 0 -> 'sealedEnv') WHERE id = $1`,
      [id],
    );
    const run = await fixture.store.runs.claim(id, WORKER);
    expect(run?.plan.agents.map(({ envFault }) => envFault?.code)).toEqual([
      'environment_unreadable',
      'environment_unreadable',
    ]);
  });

  it('as an answer to another key is no answer', async () => {
    const { idempotency } = fixture.store;
    const organizationId = await fixture.organization();
    for (const key of ['one', 'two']) {
      await idempotency.reserve(organizationId, key, 'f');
      await idempotency.complete(organizationId, key, { status: 201, body: { key } });
    }
    await fixture.sql(
      `UPDATE idempotency_keys SET sealed_body = (SELECT sealed_body FROM idempotency_keys WHERE key = 'one')`,
    );
    expect(await idempotency.reserve(organizationId, 'one', 'f')).toMatchObject({ state: 'done' });
    await expect(idempotency.reserve(organizationId, 'two', 'f')).rejects.toThrow('moved from another place');
  });
});

describe("a run's copy of an environment", () => {
  it('opens after its team was edited, renamed agents and all, and in a rerun', async () => {
    const { schedule, runId } = await claimed();
    const { organizationId, teamId } = schedule;
    const [lead, writer] = AGENTS.map(showAgent);
    if (!lead || !writer) throw new Error('the fixture has two agents');
    const agents = [{ ...lead, name: 'boss', previousName: 'lead', env: { TOKEN: 'new' } }, writer];
    await fixture.store.teams.updateTeam(organizationId, teamId, { agents });
    const rerun = await fixture.store.archive.createRerun(organizationId, runId);
    const again = await fixture.store.runs.claim(rerun?.id ?? '', WORKER);
    expect(again?.plan.agents).toEqual(AGENTS);
    const { id } = await fixture.manualRun(organizationId, schedule.id);
    const next = await fixture.store.runs.claim(id, WORKER);
    expect(next?.plan.agents[0]).toMatchObject({ name: 'boss', env: { TOKEN: 'new' } });
  });

  it('is not in what the API reads', async () => {
    const { schedule, runId } = await claimed();
    const { archive } = fixture.store;
    const page = { limit: 10, cursor: null };
    const read = [
      await archive.getRun(schedule.organizationId, runId),
      await archive.listRuns(schedule.organizationId, {}, page),
      await fixture.store.teams.listTeams(schedule.organizationId, page),
    ];
    expect(JSON.stringify(read)).not.toContain(SECRET);
  });
});

describe('values of an earlier version', () => {
  it('open until they are sealed anew, and not afterwards', async () => {
    const { schedule, runId } = await claimed();
    const { organizationId, teamId } = schedule;
    await fixture.store.idempotency.reserve(organizationId, 'key', 'f');
    await fixture.store.idempotency.complete(organizationId, 'key', { status: 201, body: { id: 1 } });
    await makeOld();
    const store = await open(ENCRYPTION_KEY);
    expect((await store.teams.getTeam(organizationId, teamId))?.agents).toEqual(AGENTS.map(showAgent));
    expect((await store.runs.load({ runId, epoch: 1 })).plan.agents).toEqual(AGENTS);

    expect(await store.reseal(quiet)).toEqual({
      resealed: { secrets: 0, agents: 1, runs: 1, answers: 1 },
      unreadable: [],
    });
    for (const text of await sealedTexts()) expect(text).toMatch(/^v2:/);
    const after = await open(ENCRYPTION_KEY);
    expect((await after.runs.load({ runId, epoch: 1 })).plan.agents).toEqual(AGENTS);
    expect(await after.idempotency.reserve(organizationId, 'key', 'f')).toMatchObject({ answer: { body: { id: 1 } } });
    expect((await after.reseal(quiet)).resealed).toEqual({ secrets: 0, agents: 0, runs: 0, answers: 0 });

    // A value of a former state, put back.
    await fixture.sql('UPDATE agents SET sealed_env = $1 WHERE sealed_env IS NOT NULL', [sealUnbound('{"TOKEN":"x"}')]);
    await expect(after.teams.getTeam(organizationId, teamId)).rejects.toThrow('npm run reseal');
  });
});

describe('changing the key', () => {
  it('goes on while runs are made, claimed and edited, and leaves nothing under the former key', async () => {
    const before = await claimed();
    const { organizationId, teamId, id: scheduleId } = before.schedule;
    const rotating = await open(NEW_KEY, ENCRYPTION_KEY);
    expect((await rotating.runs.load({ runId: before.runId, epoch: 1 })).plan.agents).toEqual(AGENTS);

    let isDone = false;
    const runs: string[] = [before.runId];
    // Reruns copy what is sealed inside the database, also what is just being sealed anew.
    const busy = (async () => {
      while (!isDone || runs.length <= 3) {
        const rerun = await rotating.archive.createRerun(organizationId, before.runId);
        const fresh = await rotating.archive.createManualRun(organizationId, scheduleId);
        await rotating.teams.updateTeam(organizationId, teamId, {
          description: `${runs.length}`,
          agents: AGENTS.map(showAgent),
        });
        for (const run of [rerun, fresh]) if (run) runs.push(run.id);
      }
    })();
    const { unreadable } = await rotating.reseal(quiet).finally(() => (isDone = true));
    await busy;
    expect(unreadable).toEqual([]);
    expect(runs.length).toBeGreaterThan(3);

    const { resealed } = await rotating.reseal(quiet);
    for (const text of await sealedTexts()) expect(text).toMatch(new RegExp(`^v2:${keyId(NEW_KEY)}:`));
    expect(resealed.answers).toBe(0);
    const after = await open(NEW_KEY);
    for (const id of runs) {
      const run = await after.runs.claim(id, WORKER);
      if (id !== before.runId) expect(run?.plan.agents).toEqual(AGENTS);
    }
    expect((await after.runs.load({ runId: before.runId, epoch: 1 })).plan.agents).toEqual(AGENTS);
    await expect(open(ENCRYPTION_KEY)).rejects.toThrow('is not the key that this database was written with');
  }, 60_000);

  it('waits for a transaction that has copied a value which was sealed before', async () => {
    const { runId, schedule } = await claimed();
    const rotating = await open(NEW_KEY, ENCRYPTION_KEY);
    let reseal: Promise<unknown> = Promise.resolve();
    await fixture.inTransaction(async (sql) => {
      await sql(
        `INSERT INTO schedule_runs (organization_id, schedule_id, team_id, trigger, scheduled_for, team_name, network, prompt,
          timeout_ms, agents, exclusive)
        SELECT organization_id, schedule_id, team_id, 'rerun', now(), team_name, network, prompt, timeout_ms, agents, false
        FROM schedule_runs WHERE id = $1`,
        [runId],
      );
      reseal = rotating.reseal(quiet);
      expect(await Promise.race([reseal, delay(300).then(() => 'waits')])).toBe('waits');
    });
    await reseal;
    const runs = await rotating.archive.listRuns(
      schedule.organizationId,
      { scheduleId: schedule.id },
      { limit: 10, cursor: null },
    );
    expect(runs.items).toHaveLength(2);
    for (const text of await sealedTexts()) expect(text).toContain(`:${keyId(NEW_KEY)}:`);
  });

  it('says what cannot be opened, seals the rest, and keeps the former key in force', async () => {
    const spoilt = await claimed();
    const whole = await claimed();
    await fixture.sql('UPDATE agents SET sealed_env = $2 WHERE team_id = $1 AND sealed_env IS NOT NULL', [
      spoilt.schedule.teamId,
      'v2:00000000:AAAA',
    ]);
    const rotating = await open(NEW_KEY, ENCRYPTION_KEY);
    const { unreadable } = await rotating.reseal(quiet);
    expect(unreadable).toEqual([expect.stringContaining(`agent lead of team ${spoilt.schedule.teamId}: `)]);
    expect((await rotating.teams.getTeam(whole.schedule.organizationId, whole.schedule.teamId))?.id).toBe(
      whole.schedule.teamId,
    );
    // Without the former key no process starts, so nothing is lost by mistake.
    await expect(open(NEW_KEY)).rejects.toThrow('is not the key');
  });
});
