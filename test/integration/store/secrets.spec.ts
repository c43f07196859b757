import { AppError } from '@crewtab/domain/errors';
import type { Run } from '@crewtab/domain/runs/run';
import { openStore } from '@crewtab/store-prisma/open-store';
import type { Agent } from '@crewtab/domain/teams/team';
import { ENCRYPTION_KEY, StoreFixture } from './store-fixture';

const WORKER = { workerId: 'w', host: 'h' };
const VALUE = 'ghp_0123456789abcdef';
const TOKEN = 'a bearer of news';

let fixture: StoreFixture;
let organizationId: string;
beforeEach(async () => {
  fixture = await StoreFixture.create();
  organizationId = await fixture.organization();
});
afterEach(() => fixture.dispose());

const AGENTS: readonly Agent[] = [
  {
    name: 'lead',
    role: 'leader',
    protocol: 'acp',
    image: 'x',
    env: { REGION: 'eu' },
    secrets: { GH_TOKEN: 'github' },
    mcpServers: [
      { name: 'files', command: 'mcp-files', secrets: { KEY: 'github' } },
      { name: 'tracker', url: 'http://127.0.0.1/', headers: { Accept: 'x' }, secrets: { Authorization: 'tracker' } },
    ],
  },
];

async function put(): Promise<void> {
  for (const [name, value] of [['github', VALUE] as const, ['tracker', TOKEN] as const])
    await fixture.store.secrets.putSecret(organizationId, name, value, false);
}

/** A run of the team that has begun, with the claim of its worker. */
async function begun(names = ['github', 'tracker']): Promise<Run> {
  const teamId = await fixture.team(organizationId, AGENTS);
  const schedule = await fixture.schedule({ organizationId, teamId });
  const { id } = await fixture.manualRun(organizationId, schedule.id);
  const claimed = await fixture.store.runs.claim(id, WORKER);
  expect(claimed?.plan.secrets).toBeUndefined();
  expect(claimed?.plan.agents[0]?.envFault).toBeUndefined();
  return fixture.store.runs.begin(
    { runId: id, epoch: 1 },
    { name: `run-${id}`, fallbackName: `long-${id}`, host: 'h', runtime: 'fake', secrets: names },
  );
}

const secretsIn = async (runId: string): Promise<unknown> =>
  (await fixture.sql<{ secrets: unknown }>('SELECT secrets FROM schedule_runs WHERE id = $1', [runId]))[0]?.secrets;

it('gives a run that begins the values, which a replacement does not change, and forgets them when it is finished', async () => {
  await put();
  const run = await begun();
  const expected = {
    env: { REGION: 'eu', GH_TOKEN: VALUE },
    mcpServers: [
      { name: 'files', env: { KEY: VALUE } },
      { name: 'tracker', headers: { Accept: 'x', Authorization: TOKEN } },
    ],
  };
  expect(run.plan.agents).toMatchObject([expected]);
  expect(run.plan.secrets).toEqual({ github: VALUE, tracker: TOKEN });
  await fixture.store.secrets.putSecret(organizationId, 'github', 'another value', false);
  const claim = { runId: run.id, epoch: 1 };
  const adopted = await fixture.store.runs.load(claim);
  expect(adopted.plan).toEqual(run.plan);
  expect((await begun()).plan.secrets).toMatchObject({ github: 'another value' });

  const listed = await fixture.store.archive.getRun(organizationId, run.id);
  expect(JSON.stringify(listed)).not.toContain(VALUE);
  expect(JSON.stringify(await secretsIn(run.id))).toMatch(/^\{"github":"v2:/);
  await fixture.store.runs.conclude(claim, {
    status: 'failed',
    result: null,
    error: { code: 'internal', message: '' },
  });
  expect(await secretsIn(run.id)).not.toBeNull();
  await fixture.store.runs.finish(claim, {});
  expect(await secretsIn(run.id)).toBeNull();
});

it('says of an agent that a secret of it is not there, or was moved in the database', async () => {
  await put();
  const absent = await begun(['github']);
  expect(absent.plan.agents[0]?.envFault).toEqual({
    code: 'secret_unavailable',
    message: 'lead: no secret "tracker" could be opened when the run began',
  });
  await fixture.sql(`UPDATE secrets SET sealed_value = (SELECT o.sealed_value FROM secrets o WHERE o.name = 'tracker')
    WHERE name = 'github'`);
  const moved = await begun();
  expect(moved.plan.agents[0]?.envFault?.message).toContain('"github"');
});

it('keeps a secret that is named, and the database refuses what names none', async () => {
  const { secrets, teams } = fixture.store;
  const make = () => fixture.team(organizationId, AGENTS);
  await expect(make()).rejects.toMatchObject({ code: 'conflict' });
  await put();
  const teamId = await make();
  expect(await secrets.findAbsentSecrets(organizationId, ['github', 'other'])).toEqual(['other']);
  expect(await secrets.getSecret(organizationId, 'github')).toMatchObject({
    useCount: 2,
    uses: [
      { teamId, teamName: 'Marketing Team', agent: 'lead', mcpServer: null, variable: 'GH_TOKEN' },
      { mcpServer: 'files', variable: 'KEY' },
    ],
  });
  const refused = secrets.deleteSecret(organizationId, 'github');
  await expect(refused).rejects.toBeInstanceOf(AppError);
  await expect(refused).rejects.toMatchObject({
    code: 'secret_in_use',
    message: expect.stringContaining('(GH_TOKEN)') as string,
  });

  const [lead] = AGENTS;
  if (!lead) throw new Error('no agent');
  const { secrets: _, ...without } = lead;
  const edit = { agents: [{ ...without, previousName: 'lead', name: 'boss', mcpServers: [] }] };
  expect((await teams.updateTeam(organizationId, teamId, edit))?.agents[0]).not.toHaveProperty('secrets');
  expect(await secrets.deleteSecret(organizationId, 'github')).toBe(true);
  expect(await secrets.deleteSecret(organizationId, 'github')).toBe(false);
  const again = { agents: [{ ...without, secrets: { X: 'github' }, mcpServers: [] }] };
  await expect(teams.updateTeam(organizationId, teamId, again)).rejects.toMatchObject({ code: 'conflict' });
  const kept = { agents: [{ ...without, secrets: { X: 'tracker' }, mcpServers: [] }] };
  expect((await teams.updateTeam(organizationId, teamId, kept))?.agents[0]?.secrets).toEqual({ X: 'tracker' });
  expect(await teams.deleteTeam(organizationId, teamId)).toBe(true);
  expect(await secrets.deleteSecret(organizationId, 'tracker')).toBe(true);
});

it('lists by name, page by page, each organization its own', async () => {
  const { secrets } = fixture.store;
  const other = await fixture.organization();
  for (const name of ['b', 'C', 'a']) await secrets.putSecret(organizationId, name, VALUE, true);
  expect(await secrets.putSecret(organizationId, 'a', TOKEN, true)).toBeNull();
  await secrets.putSecret(other, 'z', VALUE, true);
  const first = await secrets.listSecrets(organizationId, { limit: 2, cursor: null });
  const second = await secrets.listSecrets(organizationId, { limit: 2, cursor: first.nextCursor });
  expect([...first.items, ...second.items].map(({ name }) => name)).toEqual(['C', 'a', 'b']);
  expect(second.nextCursor).toBeNull();
  expect(await secrets.deleteSecret(other, 'a')).toBe(false);
  await expect(secrets.listSecrets(other, { limit: 1, cursor: '%' })).rejects.toMatchObject({
    code: 'invalid_request',
  });
});

it('follows the installation to another key, in runs that have begun, too', async () => {
  await put();
  const run = await begun();
  const current = Buffer.alloc(32, 9);
  const open = (former: Buffer | null) =>
    openStore({ databaseUrl: fixture.databaseUrl, encryption: { current, former } });
  const rotating = await open(ENCRYPTION_KEY);
  const { resealed, unreadable } = await rotating.reseal(() => undefined);
  await rotating.close();
  expect(unreadable).toEqual([]);
  expect(resealed).toMatchObject({ secrets: 2 });
  const after = await open(null);
  try {
    expect((await after.runs.load({ runId: run.id, epoch: 1 })).plan.secrets).toEqual(run.plan.secrets);
  } finally {
    await after.close();
  }
});
