import { ScheduleDueError } from '@crewtab/domain/ports/management-store';
import { randomUUID } from 'node:crypto';
import { AgentEditError, showAgent } from '@crewtab/domain/teams/edit-agents';
import { AGENTS, FAR_FUTURE, StoreFixture } from './store-fixture';

let fixture: StoreFixture;
let organizationId: string;
let otherOrganizationId: string;

beforeAll(async () => {
  fixture = await StoreFixture.create();
  organizationId = await fixture.organization();
  otherOrganizationId = await fixture.organization();
});
afterAll(() => fixture.dispose());

const NEXT = { nextFireAt: FAR_FUTURE, followingFireAt: null };
const NEVER = { nextFireAt: null, followingFireAt: null };
const SHOWN = AGENTS.map(showAgent);
const UNKNOWN = '01890000-0000-7000-8000-000000000000';

describe('teams', () => {
  const newTeam = {
    name: 'Sales',
    description: 'sells',
    network: { mode: 'allowlist', hosts: ['api.example.com', '*.example.org:5000'] },
    agents: AGENTS,
  } as const;

  it('come back as they were given', async () => {
    const { teams } = fixture.store;
    const team = await teams.createTeam(organizationId, newTeam);
    expect(team).toEqual({
      ...newTeam,
      workspace: null,
      agents: SHOWN,
      id: expect.any(String) as string,
      organizationId,
      createdAt: expect.any(Date) as Date,
      updatedAt: expect.any(Date) as Date,
    });
    expect(await teams.getTeam(organizationId, team.id)).toEqual(team);
  });

  it('have a workspace until it is taken away', async () => {
    const { teams } = fixture.store;
    const workspace = { files: { 'notes/a.md': 'ä\n' } };
    const { id } = await teams.createTeam(organizationId, { ...newTeam, workspace });
    expect((await teams.updateTeam(organizationId, id, { name: 'Renamed' }))?.workspace).toEqual(workspace);
    expect((await teams.updateTeam(organizationId, id, { workspace: null }))?.workspace).toBeNull();
  });

  it('keep the secret that their workspace names from being deleted, until it names none', async () => {
    const { teams, secrets } = fixture.store;
    await secrets.putSecret(organizationId, 'github', 'a-token-0123456789', true);
    const workspace = { git: { url: 'https://git.example/a.git', secret: 'github' } };
    const { id } = await teams.createTeam(organizationId, { ...newTeam, workspace });
    expect(await secrets.getSecret(organizationId, 'github')).toMatchObject({
      useCount: 1,
      uses: [{ teamId: id, agent: null, mcpServer: null, variable: 'git' }],
    });
    const deleted = secrets.deleteSecret(organizationId, 'github');
    await expect(deleted).rejects.toMatchObject({
      code: 'secret_in_use',
      message: 'the secret is used by the workspace of team "Sales" (git)',
    });
    const other = { git: { url: 'https://git.example/a.git', secret: 'absent' } };
    await expect(teams.updateTeam(organizationId, id, { workspace: other })).rejects.toMatchObject({
      code: 'conflict',
    });
    expect((await teams.updateTeam(organizationId, id, { workspace: null }))?.workspace).toBeNull();
    expect(await secrets.deleteSecret(organizationId, 'github')).toBe(true);
  });

  it('of version 0.1 are open, and keep the bridge of their own through edits of something else', async () => {
    const { teams } = fixture.store;
    const { id } = await teams.createTeam(organizationId, { ...newTeam, network: { mode: 'open', hosts: [] } });
    const networkAfter = async (stored: string): Promise<unknown> => {
      await fixture.sql(`UPDATE teams SET network = $2::team_network WHERE id = $1`, [id, stored]);
      return (await teams.updateTeam(organizationId, id, { name: 'Renamed' }))?.network;
    };
    expect(await networkAfter('egress')).toEqual({ mode: 'open', hosts: [] });
    expect(await networkAfter('team')).toEqual({ mode: 'open', hosts: [], hasOwnBridge: true });
    const network = { mode: 'none', hosts: [] } as const;
    expect((await teams.updateTeam(organizationId, id, { network }))?.network).toEqual(network);
    const hosts = fixture.sql(`UPDATE teams SET network_hosts = '{a.example}' WHERE id = $1`, [id]);
    await expect(hosts).rejects.toMatchObject({ constraint: 'teams_hosts_belong_to_allowlist' });
  });

  it('are made once for one reservation, also at once, after an edit, and by an attempt that comes too late', async () => {
    const { teams, idempotency } = fixture.store;
    const reservation = await idempotency.reserve(organizationId, 'new team', 'body');
    if (reservation.state !== 'new') throw new Error(reservation.state);
    const make = (organization = organizationId) => teams.createTeam(organization, newTeam, reservation.resourceId);
    const made = await Promise.all([make(), make(), make()]);
    expect(new Set(made.map(({ id }) => id))).toEqual(new Set([reservation.resourceId]));
    const renamed = await teams.updateTeam(organizationId, reservation.resourceId, { name: 'Renamed' });
    expect(await make()).toEqual(renamed);
    expect(renamed?.agents).toEqual(SHOWN);
    // No way to read what belongs to another organization.
    await expect(make(otherOrganizationId)).rejects.toMatchObject({ code: 'internal' });
    await idempotency.complete(organizationId, 'new team', { status: 201, body: null });
    expect(await make()).toEqual(renamed);
    await teams.deleteTeam(organizationId, reservation.resourceId);
    await expect(make()).rejects.toMatchObject({ code: 'conflict' });
    expect(await teams.getTeam(organizationId, reservation.resourceId)).toBeNull();
  });

  it('are not there for another organization', async () => {
    const { teams } = fixture.store;
    const { id } = await teams.createTeam(organizationId, newTeam);
    expect(await teams.getTeam(otherOrganizationId, id)).toBeNull();
    expect(await teams.updateTeam(otherOrganizationId, id, { name: 'x' })).toBeNull();
    expect(await teams.deleteTeam(otherOrganizationId, id)).toBe(false);
    expect((await teams.listTeams(otherOrganizationId, { limit: 10, cursor: null })).items).toEqual([]);
    for (const unknown of [UNKNOWN, 'not an id']) expect(await teams.getTeam(organizationId, unknown)).toBeNull();
  });

  it('change as far as the patch goes; given agents replace all', async () => {
    const { teams } = fixture.store;
    const team = await teams.createTeam(organizationId, newTeam);
    const renamed = await teams.updateTeam(organizationId, team.id, { name: 'Support', description: null });
    expect(renamed).toMatchObject({ name: 'Support', description: null, network: newTeam.network, agents: SHOWN });
    const agents = [{ name: 'solo', role: 'leader', protocol: 'command', command: ['true'] }] as const;
    expect((await teams.updateTeam(organizationId, team.id, { agents }))?.agents).toEqual(agents);
    expect(renamed && renamed.updatedAt >= team.updatedAt).toBe(true);
  });

  it('keep the values of variables that an edit does not name, for the runs to come', async () => {
    const { teams } = fixture.store;
    const schedule = await fixture.schedule({ organizationId });
    const [lead, writer] = SHOWN;
    if (!lead || !writer) throw new Error('the fixture has two agents');
    const agents = [{ ...lead, name: 'boss', previousName: 'lead', env: { ...lead.env, EXTRA: 'x' } }, writer];
    const edited = await teams.updateTeam(organizationId, schedule.teamId, { agents });
    expect(edited?.agents[0]?.env).toEqual({ TOKEN: { isSet: true }, EXTRA: { isSet: true } });
    const { id } = await fixture.manualRun(organizationId, schedule.id);
    const run = await fixture.store.runs.claim(id, { workerId: 'w', host: 'h' });
    expect(run?.plan.agents[0]).toMatchObject({ name: 'boss', env: { TOKEN: 'top secret', EXTRA: 'x' } });
  });

  it('stay as they are when an edit keeps what is not set', async () => {
    const { teams } = fixture.store;
    const team = await teams.createTeam(organizationId, newTeam);
    const [lead, writer] = SHOWN;
    if (!lead || !writer) throw new Error('the fixture has two agents');
    const agents = [lead, { ...writer, env: { NEVER_SET: { isSet: true } } }] as const;
    await expect(teams.updateTeam(organizationId, team.id, { name: 'x', agents })).rejects.toThrow(AgentEditError);
    expect(await teams.getTeam(organizationId, team.id)).toEqual(team);
  });

  it('are listed newest first, page by page, without a gap when new ones come', async () => {
    const { teams } = fixture.store;
    const organization = await fixture.organization();
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) ids.unshift(await fixture.team(organization));
    const first = await teams.listTeams(organization, { limit: 2, cursor: null });
    await fixture.team(organization);
    const second = await teams.listTeams(organization, { limit: 2, cursor: first.nextCursor });
    const third = await teams.listTeams(organization, { limit: 2, cursor: second.nextCursor });
    expect([first, second, third].flatMap(({ items }) => items.map(({ id }) => id))).toEqual(ids);
    expect(third.nextCursor).toBeNull();
    await expect(teams.listTeams(organization, { limit: 2, cursor: 'nonsense' })).rejects.toMatchObject({
      code: 'invalid_request',
    });
  });

  it('stay while schedules use them', async () => {
    const { teams, schedules } = fixture.store;
    const schedule = await fixture.schedule({ organizationId });
    await expect(teams.deleteTeam(organizationId, schedule.teamId)).rejects.toMatchObject({
      code: 'team_in_use',
      retryable: false,
    });
    expect(await schedules.deleteSchedule(organizationId, schedule.id)).toBe(true);
    expect(await teams.deleteTeam(organizationId, schedule.teamId)).toBe(true);
    expect(await teams.getTeam(organizationId, schedule.teamId)).toBeNull();
  });

  it('keep environments out of every column in plain text', async () => {
    const schedule = await fixture.schedule({ organizationId });
    const { id } = await fixture.manualRun(organizationId, schedule.id);
    const run = await fixture.store.runs.claim(id, { workerId: 'w', host: 'h' });
    expect(run?.plan.agents).toEqual(AGENTS);
    const tables = ['teams', 'agents', 'schedule_runs'];
    for (const table of tables) {
      const [found] = await fixture.sql<{ rows: number }>(
        `SELECT count(*)::int AS rows FROM ${table} t WHERE t::text ~ 'top secret|TOKEN'`,
      );
      expect([table, found?.rows]).toEqual([table, 0]);
    }
  });
});

describe('schedules', () => {
  it('are read as they were stored, every field of them', async () => {
    const { schedules } = fixture.store;
    const schedule = await fixture.schedule({
      organizationId,
      overlap: 'queue',
      catchUp: 'all',
      timeoutMs: 86_400_000,
    });
    expect(schedule).toMatchObject({
      organizationId,
      status: 'idle',
      lastRunAt: null,
      nextRunAt: FAR_FUTURE,
      timeoutMs: 86_400_000,
      overlap: 'queue',
    });
    expect(await schedules.getSchedule(organizationId, schedule.id)).toEqual(schedule);
    expect(await schedules.getSchedule(otherOrganizationId, schedule.id)).toBeNull();
    expect(await schedules.getSchedule(organizationId, 'not an id')).toBeNull();
  });

  it('are made once for one id, and not again when deleted since', async () => {
    const { schedules } = fixture.store;
    const { teamId, ...like } = await fixture.schedule({ organizationId });
    const id = randomUUID();
    const make = (organization = organizationId) =>
      schedules.createSchedule(organization, { ...like, teamId, name: 'once' }, NEXT, id);
    const made = await Promise.all([make(), make(), make()]);
    expect(made.map((schedule) => schedule?.id)).toEqual([id, id, id]);
    const renamed = await schedules.updateSchedule(organizationId, id, { name: 'renamed' }, null);
    expect(await make()).toEqual(renamed);
    expect(await make(otherOrganizationId)).toBeNull();
    await schedules.deleteSchedule(organizationId, id);
    await expect(make()).rejects.toMatchObject({ code: 'conflict' });
  });

  it('need a team of their organization', async () => {
    const { schedules } = fixture.store;
    const schedule = await fixture.schedule({ organizationId });
    const foreignTeam = await fixture.team(otherOrganizationId);
    for (const teamId of [foreignTeam, UNKNOWN, 'not an id']) {
      await expect(fixture.schedule({ organizationId, teamId })).rejects.toThrow('no schedule was made');
      await expect(schedules.updateSchedule(organizationId, schedule.id, { teamId }, null)).rejects.toMatchObject({
        code: 'not_found',
        message: expect.stringContaining('teamId') as string,
      });
    }
  });

  it('change their instants only with their spec', async () => {
    const { schedules } = fixture.store;
    const schedule = await fixture.schedule({ organizationId });
    const renamed = await schedules.updateSchedule(organizationId, schedule.id, { name: 'Weekly' }, null);
    expect(renamed).toMatchObject({ name: 'Weekly', nextRunAt: FAR_FUTURE, cron: schedule.cron });
    const nextFireAt = new Date('2098-01-01T00:00:00Z');
    const moved = await schedules.updateSchedule(
      organizationId,
      schedule.id,
      { cron: '0 10 * * *' },
      { nextFireAt, followingFireAt: null },
    );
    expect(moved).toMatchObject({ name: 'Weekly', cron: '0 10 * * *', nextRunAt: nextFireAt });
    expect(await schedules.updateSchedule(otherOrganizationId, schedule.id, { name: 'x' }, null)).toBeNull();
  });

  it('pause and resume with a note', async () => {
    const { schedules } = fixture.store;
    const { id } = await fixture.schedule({ organizationId });
    expect(await schedules.setEnabled(organizationId, id, false, 'holidays', NEVER)).toMatchObject({
      enabled: false,
      nextRunAt: null,
    });
    expect(
      await fixture.sql('SELECT note, note_at IS NOT NULL AS is_timed FROM schedules WHERE id = $1', [id]),
    ).toEqual([{ note: 'holidays', is_timed: true }]);
    expect(await schedules.setEnabled(organizationId, id, true, null, NEXT)).toMatchObject({
      enabled: true,
      nextRunAt: FAR_FUTURE,
    });
    expect(await schedules.setEnabled(otherOrganizationId, id, false, null, NEVER)).toBeNull();
  });

  it('leave their runs readable when they and their team are deleted', async () => {
    const { schedules, teams, archive } = fixture.store;
    const schedule = await fixture.schedule({ organizationId });
    const run = await fixture.manualRun(organizationId, schedule.id);
    expect(await schedules.deleteSchedule(organizationId, schedule.id)).toBe(true);
    expect(await schedules.deleteSchedule(organizationId, schedule.id)).toBe(false);
    expect(await teams.deleteTeam(organizationId, schedule.teamId)).toBe(true);
    expect(await schedules.getSchedule(organizationId, schedule.id)).toBeNull();
    expect(await archive.getRun(organizationId, run.id)).toEqual(run);
    expect(await fixture.store.runs.claim(run.id, { workerId: 'w', host: 'h' })).toMatchObject({
      id: run.id,
      teamId: schedule.teamId,
    });
    expect(await archive.createManualRun(organizationId, schedule.id)).toBeNull();
  });

  it('are not edited while a firing holds them: the edit comes after it, or is told that an instant is due', async () => {
    const { schedules, fires } = fixture.store;
    const past = new Date(Date.now() - 1_000);
    const schedule = await fixture.schedule({ organizationId, overlap: 'skip', nextFireAt: past });
    const pause = (): Promise<unknown> => schedules.setEnabled(organizationId, schedule.id, false, null, NEVER);
    // Which of both depends on whether a connection is free at once.
    let isToldDue: Promise<boolean> = Promise.resolve(false);
    await fires.fireOne(({ nextFireAt }) => {
      isToldDue = pause().then(
        () => false,
        (error: unknown) => error instanceof ScheduleDueError || Promise.reject(error as Error),
      );
      const row = { scheduledFor: nextFireAt, trigger: 'schedule', status: 'queued', reason: null } as const;
      return { rows: [row], cancelActive: false, ...NEXT, nextFireAt: FAR_FUTURE };
    });
    if (await isToldDue) await pause();
    expect(await schedules.getSchedule(organizationId, schedule.id)).toMatchObject({ enabled: false, nextRunAt: null });
    const runs = await fixture.store.archive.listRuns(
      organizationId,
      { scheduleId: schedule.id },
      { limit: 9, cursor: null },
    );
    expect(runs.items.map(({ scheduledFor }) => scheduledFor)).toEqual([past]);
  });

  describe('have a status that is a function of their runs', () => {
    const finish = async (runId: string, status: 'success' | 'failed' | 'timeout' | 'cancelled'): Promise<void> => {
      const { runs } = fixture.store;
      const run = await runs.claim(runId, { workerId: 'w', host: 'h' });
      const claim = { runId, epoch: run?.epoch ?? -1 };
      await runs.begin(claim, { name: `team-${runId}`, fallbackName: runId, host: 'h', runtime: 'fake' });
      const error = status === 'success' ? null : ({ code: 'agent_error', message: 'no' } as const);
      await runs.conclude(claim, { status, result: null, error });
      await runs.finish(claim, {});
    };

    it.each([
      ['success', 'idle'],
      ['failed', 'error'],
      ['timeout', 'error'],
      ['cancelled', 'idle'],
    ] as const)('after %s it is %s', async (outcome, status) => {
      const { schedules } = fixture.store;
      const schedule = await fixture.schedule({ organizationId });
      await finish(
        (await fixture.manualRun(organizationId, schedule.id)).id,
        outcome === 'failed' ? 'success' : 'failed',
      );
      const latest = await fixture.manualRun(organizationId, schedule.id);
      expect(await schedules.getSchedule(organizationId, schedule.id)).toMatchObject({ status: 'running' });
      await finish(latest.id, outcome);
      const run = await fixture.store.archive.getRun(organizationId, latest.id);
      expect(await schedules.getSchedule(organizationId, schedule.id)).toMatchObject({
        status,
        lastRunAt: run?.startedAt,
      });
    });

    it('does not count what never ran', async () => {
      const { schedules, archive, fires } = fixture.store;
      const schedule = await fixture.schedule({
        organizationId,
        overlap: 'skip',
        nextFireAt: new Date(Date.now() - 1_000),
      });
      await finish((await fixture.manualRun(organizationId, schedule.id)).id, 'failed');
      const now = new Date();
      const reason = { code: 'missed', message: 'no scheduler was there', from: now, to: now } as const;
      await fires.fireOne(({ nextFireAt }) => ({
        rows: [{ scheduledFor: nextFireAt, trigger: 'schedule', status: 'missed', reason }],
        cancelActive: false,
        ...NEXT,
        nextFireAt: FAR_FUTURE,
      }));
      expect(
        (
          await archive.listRuns(
            organizationId,
            { scheduleId: schedule.id, status: 'missed' },
            { limit: 5, cursor: null },
          )
        ).items,
      ).toHaveLength(1);
      expect(await schedules.getSchedule(organizationId, schedule.id)).toMatchObject({ status: 'error' });
    });

    it('can be filtered by it, by team and by enabled', async () => {
      const { schedules } = fixture.store;
      const organization = await fixture.organization();
      const [idle, failed, running, paused] = [
        await fixture.schedule({ organizationId: organization }),
        await fixture.schedule({ organizationId: organization }),
        await fixture.schedule({ organizationId: organization }),
        await fixture.schedule({ organizationId: organization, enabled: false }),
      ];
      await finish((await fixture.manualRun(organization, failed.id)).id, 'failed');
      await fixture.manualRun(organization, running.id);
      const list = async (filter: Parameters<typeof schedules.listSchedules>[1]): Promise<string[]> =>
        (await schedules.listSchedules(organization, filter, { limit: 10, cursor: null })).items.map(({ id }) => id);
      expect(await list({})).toEqual([paused, running, failed, idle].map(({ id }) => id));
      expect(await list({ status: 'error' })).toEqual([failed.id]);
      expect(await list({ status: 'running' })).toEqual([running.id]);
      expect(await list({ status: 'idle' })).toEqual([paused.id, idle.id]);
      expect(await list({ enabled: false })).toEqual([paused.id]);
      expect(await list({ teamId: idle.teamId })).toEqual([idle.id]);
      expect(await list({ teamId: 'not an id' })).toEqual([]);
      const first = await schedules.listSchedules(organization, { status: 'idle' }, { limit: 1, cursor: null });
      const second = await schedules.listSchedules(
        organization,
        { status: 'idle' },
        { limit: 1, cursor: first.nextCursor },
      );
      expect([first, second].map(({ items }) => items[0]?.id)).toEqual([paused.id, idle.id]);
      expect(second.nextCursor).toBeNull();
    });
  });
});
