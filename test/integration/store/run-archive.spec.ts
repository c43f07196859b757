import { AGENTS, StoreFixture } from './store-fixture';

let fixture: StoreFixture;
let organizationId: string;
let otherOrganizationId: string;

beforeAll(async () => {
  fixture = await StoreFixture.create();
  organizationId = await fixture.organization();
  otherOrganizationId = await fixture.organization();
});
afterAll(() => fixture.dispose());

const WORKER = { workerId: 'w', host: 'host-1' };
const PAGE = { limit: 10, cursor: null };
const UNKNOWN = '01890000-0000-7000-8000-000000000000';

async function begin(runId: string): Promise<{ runId: string; epoch: number }> {
  const { runs } = fixture.store;
  const claim = { runId, epoch: (await runs.claim(runId, WORKER))?.epoch ?? -1 };
  await runs.begin(claim, { name: `team-${runId}`, fallbackName: runId, host: WORKER.host, runtime: 'docker' });
  return claim;
}

describe('manual runs', () => {
  it('take a copy of team and schedule as they are now', async () => {
    const { teams, schedules, archive } = fixture.store;
    const schedule = await fixture.schedule({ organizationId, timeoutMs: 5_000 });
    const run = await fixture.manualRun(organizationId, schedule.id);
    expect(run).toMatchObject({
      trigger: 'manual',
      status: 'queued',
      scheduleId: schedule.id,
      teamId: schedule.teamId,
      organizationId,
    });
    const plan = {
      teamName: 'Marketing Team',
      network: { mode: 'none', hosts: [] },
      agents: AGENTS.map(({ env: _, mcpServers: _servers, ...agent }) => agent),
      prompt: schedule.prompt,
      promptFormat: 'plain',
      timeoutMs: 5_000,
      allowEmpty: false,
      allowOpenToolCalls: false,
    };
    expect(run.plan).toEqual(plan);
    await teams.updateTeam(organizationId, schedule.teamId, {
      name: 'Other',
      agents: [{ name: 'solo', role: 'leader', protocol: 'acp' }],
    });
    await schedules.updateSchedule(organizationId, schedule.id, { prompt: 'Other.' }, null);
    expect((await archive.getRun(organizationId, run.id))?.plan).toEqual(plan);
    const rerun = await archive.createRerun(organizationId, run.id);
    expect(rerun).toMatchObject({ trigger: 'rerun', status: 'queued', plan });
    expect(rerun?.id).not.toBe(run.id);
  });

  it('take a copy of the workspace of their team', async () => {
    const { teams, archive, runs } = fixture.store;
    const schedule = await fixture.schedule({ organizationId });
    const workspace = { files: { 'a.md': 'x' } };
    await teams.updateTeam(organizationId, schedule.teamId, { workspace });
    const run = await fixture.manualRun(organizationId, schedule.id);
    const tried = await archive.createTry(organizationId, schedule.teamId, { prompt: 'x', timeoutMs: 1_000 }, null);
    await teams.updateTeam(organizationId, schedule.teamId, { workspace: null });
    const rerun = await archive.createRerun(organizationId, run.id);
    for (const made of [run, tried, rerun]) expect(made?.plan.workspace).toEqual(workspace);
    expect((await runs.claim(run.id, WORKER))?.plan.workspace).toEqual(workspace);
    const { items } = await archive.listRuns(organizationId, { scheduleId: schedule.id }, PAGE);
    expect(items.map(({ plan }) => plan.workspace)).toEqual([undefined, undefined]);
  });

  it('take over what a run may end with, and reruns from their original', async () => {
    const { archive, schedules } = fixture.store;
    const { id } = await fixture.schedule({ organizationId, allowEmpty: true });
    const first = await fixture.manualRun(organizationId, id);
    expect(first.plan).toMatchObject({ allowEmpty: true, allowOpenToolCalls: false });
    const patch = { allowEmpty: false, allowOpenToolCalls: true };
    expect(await schedules.updateSchedule(organizationId, id, patch, null)).toMatchObject(patch);
    expect(await schedules.updateSchedule(organizationId, id, { name: 'other' }, null)).toMatchObject(patch);
    expect((await archive.createRerun(organizationId, first.id))?.plan).toMatchObject({
      allowEmpty: true,
      allowOpenToolCalls: false,
    });
    expect((await fixture.manualRun(organizationId, id)).plan).toMatchObject(patch);
  });

  it('are made once for a request, however often and at the same moment it comes', async () => {
    const { archive } = fixture.store;
    const schedule = await fixture.schedule({ organizationId });
    const asked = await Promise.all(
      Array.from({ length: 8 }, () => archive.createManualRun(organizationId, schedule.id, 'key-1')),
    );
    const ids = new Set(asked.map((run) => run?.id));
    expect([...ids]).toEqual([expect.any(String)]);
    const [id = ''] = [...ids].map(String);
    const reruns = [
      await archive.createRerun(organizationId, id, 'key-2'),
      await archive.createRerun(organizationId, id, 'key-2'),
    ];
    expect(reruns[1]?.id).toBe(reruns[0]?.id);
    expect((await archive.createManualRun(organizationId, schedule.id))?.id).not.toBe(id);
    expect(
      (await archive.listRuns(organizationId, { scheduleId: schedule.id }, { limit: 20, cursor: null })).items,
    ).toHaveLength(3);
  });

  it('may use a key anew after a day', async () => {
    const { archive } = fixture.store;
    const schedule = await fixture.schedule({ organizationId });
    const first = await archive.createManualRun(organizationId, schedule.id, 'daily');
    await fixture.sql("UPDATE schedule_runs SET queued_at = now() - interval '25 hours' WHERE id = $1", [first?.id]);
    const second = await archive.createManualRun(organizationId, schedule.id, 'daily');
    expect(second?.id).not.toBe(first?.id);
  });

  it('are null for what is not there', async () => {
    const { archive } = fixture.store;
    const schedule = await fixture.schedule({ organizationId });
    const run = await fixture.manualRun(organizationId, schedule.id);
    expect(await archive.createManualRun(otherOrganizationId, schedule.id)).toBeNull();
    expect(await archive.createRerun(otherOrganizationId, run.id)).toBeNull();
    expect(await archive.getRun(otherOrganizationId, run.id)).toBeNull();
    expect(await archive.requestCancel(otherOrganizationId, run.id)).toBeNull();
    expect(await archive.listMessages(otherOrganizationId, run.id, 0, { limit: 10, contents: 'whole' })).toBeNull();
    for (const id of [UNKNOWN, 'not an id']) {
      expect(await archive.createManualRun(organizationId, id)).toBeNull();
      expect(await archive.createRerun(organizationId, id)).toBeNull();
      expect(await archive.getRun(organizationId, id)).toBeNull();
      expect(await archive.requestCancel(organizationId, id)).toBeNull();
      expect(await archive.listMessages(organizationId, id, 0, { limit: 10, contents: 'whole' })).toBeNull();
      expect(await archive.getDeployment(organizationId, id)).toBeNull();
    }
  });

  it('are skipped, queued or take over, as the schedule says', async () => {
    const { archive } = fixture.store;
    const skipping = await fixture.schedule({ organizationId, overlap: 'skip' });
    const active = await fixture.manualRun(organizationId, skipping.id);
    expect(await fixture.manualRun(organizationId, skipping.id)).toMatchObject({
      status: 'skipped',
      phase: 'finished',
      notRunReason: { code: 'overlap_skipped', runId: active.id },
      outcome: null,
    });
    const replacing = await fixture.schedule({ organizationId, overlap: 'replace' });
    const queued = await fixture.manualRun(organizationId, replacing.id);
    const begun = await fixture.manualRun(organizationId, replacing.id);
    expect(await archive.getRun(organizationId, queued.id)).toMatchObject({
      status: 'cancelled',
      cancelCode: 'replaced',
    });
    const claim = await begin(begun.id);
    const rerun = await archive.createRerun(organizationId, begun.id);
    expect(rerun).toMatchObject({ status: 'queued' });
    expect(await fixture.store.runs.load(claim)).toMatchObject({ status: 'running', cancelCode: 'replaced' });
  });

  it('of a skipping schedule are one, however many ask at once', async () => {
    const schedule = await fixture.schedule({ organizationId, overlap: 'skip' });
    const runs = await Promise.all(Array.from({ length: 6 }, () => fixture.manualRun(organizationId, schedule.id)));
    expect(runs.map(({ status }) => status).sort()).toEqual(['queued', ...Array.from({ length: 5 }, () => 'skipped')]);
  });
});

describe('tries of a team', () => {
  const asked = { prompt: 'Say hello.', timeoutMs: 5_000 };

  it('are runs without a schedule: listed, begun, cancelled and run again like others', async () => {
    const { archive, runs } = fixture.store;
    const own = await fixture.organization();
    const { teamId } = await fixture.schedule({ organizationId: own });
    const run = await archive.createTry(own, teamId, asked);
    expect(run).toMatchObject({ scheduleId: null, teamId, trigger: 'manual', status: 'queued', plan: asked });
    const rerun = await archive.createRerun(own, run?.id ?? '');
    expect(rerun).toMatchObject({ scheduleId: null, trigger: 'rerun', plan: asked });
    const listed = await archive.listRuns(own, { trigger: 'manual' }, PAGE);
    expect(listed.items.map(({ id }) => id)).toEqual([run?.id]);
    await begin(run?.id ?? '');
    expect(await runs.findNextInLine(run?.id ?? '')).toBeNull();
    expect((await archive.requestCancel(own, run?.id ?? ''))?.run.cancelCode).toBe('cancelled');
    const events = await fixture.sql<{ schedule_id: string | null }>(
      'SELECT DISTINCT schedule_id FROM run_events WHERE run_id = $1',
      [run?.id],
    );
    expect(events).toEqual([{ schedule_id: null }]);
  });

  it('are made once for a request, and only of a team of the organization', async () => {
    const { archive } = fixture.store;
    const { teamId } = await fixture.schedule({ organizationId });
    const both = await Promise.all([1, 2].map(() => archive.createTry(organizationId, teamId, asked, 'try-1')));
    expect(both[0]?.id).toBe(both[1]?.id);
    expect(await archive.createTry(otherOrganizationId, teamId, asked)).toBeNull();
    expect(await archive.createTry(organizationId, UNKNOWN, asked)).toBeNull();
    expect(await archive.createTry(organizationId, 'x', asked)).toBeNull();
  });

  it('never come to have a schedule, and run beside each other', async () => {
    const { archive } = fixture.store;
    const { teamId, id } = await fixture.schedule({ organizationId });
    const [one, other] = [
      await archive.createTry(organizationId, teamId, asked),
      await archive.createTry(organizationId, teamId, asked),
    ];
    await begin(one?.id ?? '');
    await begin(other?.id ?? '');
    const give = fixture.sql('UPDATE schedule_runs SET schedule_id = $2 WHERE id = $1', [one?.id, id]);
    await expect(give).rejects.toThrow('schedule_runs_identity_is_fixed');
  });
});

describe('cancel requests', () => {
  it('end a queued run at once, tell the owner of a begun one, and leave a terminal one', async () => {
    const { archive } = fixture.store;
    const schedule = await fixture.schedule({ organizationId });
    const queued = await fixture.manualRun(organizationId, schedule.id);
    const ended = await archive.requestCancel(organizationId, queued.id);
    expect(ended).toMatchObject({
      wasTerminal: false,
      run: {
        status: 'cancelled',
        phase: 'finished',
        startedAt: null,
        finishedAt: expect.any(Date) as Date,
        outcome: { error: { code: 'cancelled' } },
      },
    });
    expect(await archive.requestCancel(organizationId, queued.id)).toEqual({ run: ended?.run, wasTerminal: true });
    const begun = await fixture.manualRun(organizationId, schedule.id);
    await begin(begun.id);
    const asked = await archive.requestCancel(organizationId, begun.id);
    expect(asked).toMatchObject({ wasTerminal: false, run: { status: 'running', cancelCode: 'cancelled' } });
    const again = await archive.requestCancel(organizationId, begun.id);
    expect(again?.run.cancelRequestedAt).toEqual(asked?.run.cancelRequestedAt);
  });

  it('do not end a queued run that a worker holds', async () => {
    const { archive, runs } = fixture.store;
    const schedule = await fixture.schedule({ organizationId });
    const { id } = await fixture.manualRun(organizationId, schedule.id);
    const claimed = await runs.claim(id, WORKER);
    expect(await archive.requestCancel(organizationId, id)).toMatchObject({
      run: { status: 'queued', cancelCode: 'cancelled' },
    });
    expect(await runs.load({ runId: id, epoch: claimed?.epoch ?? -1 })).toMatchObject({ status: 'queued' });
  });
});

describe('lists of runs', () => {
  it('are newest first, filtered, page by page, also among runs of one instant', async () => {
    const { archive } = fixture.store;
    const organization = await fixture.organization();
    const schedule = await fixture.schedule({ organizationId: organization });
    const other = await fixture.schedule({ organizationId: organization });
    for (let n = 0; n < 5; n++) await fixture.manualRun(organization, schedule.id);
    const elsewhere = await fixture.manualRun(organization, other.id);
    await fixture.sql('ALTER TABLE schedule_runs DISABLE TRIGGER schedule_runs_guard');
    await fixture.sql(`UPDATE schedule_runs SET scheduled_for = '2026-01-01T00:00:00.500Z' WHERE schedule_id = $1`, [
      schedule.id,
    ]);
    await fixture.sql('ALTER TABLE schedule_runs ENABLE TRIGGER schedule_runs_guard');
    const pages: string[][] = [];
    for (let cursor: string | null = null, isFirst = true; isFirst || cursor; isFirst = false) {
      const page = await archive.listRuns(organization, {}, { limit: 2, cursor });
      pages.push(page.items.map(({ id }) => id));
      ({ nextCursor: cursor } = page);
    }
    expect(pages.map(({ length }) => length)).toEqual([2, 2, 2]);
    expect(new Set(pages.flat()).size).toBe(6);
    expect(pages[0]?.[0]).toBe(elsewhere.id);
    const count = async (filter: Parameters<typeof archive.listRuns>[1]): Promise<number> =>
      (await archive.listRuns(organization, filter, PAGE)).items.length;
    const instant = new Date('2026-01-01T00:00:00.500Z');
    expect(await count({ scheduleId: other.id })).toBe(1);
    expect(await count({ scheduleId: 'not an id' })).toBe(0);
    expect(await count({ status: 'queued' })).toBe(6);
    expect(await count({ status: 'failed' })).toBe(0);
    expect(await count({ trigger: 'manual' })).toBe(6);
    expect(await count({ trigger: 'rerun' })).toBe(0);
    expect(await count({ until: new Date(instant.getTime() + 1) })).toBe(5);
    expect(await count({ until: instant })).toBe(0);
    expect(await count({ since: instant, scheduleId: schedule.id })).toBe(5);
    expect((await archive.listRuns(otherOrganizationId, {}, PAGE)).items).toEqual([]);
    await expect(archive.listRuns(organization, {}, { limit: 2, cursor: 'eA' })).rejects.toMatchObject({
      code: 'invalid_request',
    });
  });
});

describe('the conversation and the deployment', () => {
  it('are read from where the reader stands', async () => {
    const { archive, runs } = fixture.store;
    const schedule = await fixture.schedule({ organizationId });
    const { id } = await fixture.manualRun(organizationId, schedule.id);
    expect((await archive.listMessages(organizationId, id, 0, { limit: 10, contents: 'whole' }))?.items).toEqual([]);
    const claim = await begin(id);
    const at = new Date('2026-01-01T00:00:00.123Z');
    await runs.appendMessages(
      claim,
      ['a', 'b', 'c'].map((text) => ({ agent: 'lead', kind: 'agent_message', content: { text }, at })),
    );
    expect((await archive.listMessages(organizationId, id, 1, { limit: 1, contents: 'whole' }))?.items).toEqual([
      { seq: 2, agent: 'lead', kind: 'agent_message', content: { text: 'b' }, at },
    ]);
    expect((await archive.listMessages(organizationId, id, 3, { limit: 10, contents: 'whole' }))?.items).toEqual([]);
  });

  it('are read in pages that end at 4 MiB, whole or with beginnings, and one by one', async () => {
    const { archive, runs } = fixture.store;
    const schedule = await fixture.schedule({ organizationId });
    const { id } = await fixture.manualRun(organizationId, schedule.id);
    const claim = await begin(id);
    const at = new Date('2026-01-01T00:00:00.123Z');
    const contents: Readonly<Record<string, unknown>>[] = [
      { text: 'short "quoted"\n' },
      { text: '🦀é'.repeat(500_000) },
      { text: 'x'.repeat(2 * 1024 ** 2), more: [1] },
      { toolCall: { output: 'y'.repeat(1024 ** 2) } },
      { text: 'z'.repeat(17 * 1024 ** 2) },
      { text: 'last' },
    ];
    for (const content of contents) await runs.appendMessages(claim, [{ agent: 'lead', kind: 'other', content, at }]);
    const read = async (after: number, how: 'whole' | 'beginnings') => {
      const page = await archive.listMessages(organizationId, id, after, { limit: 10, contents: how });
      return { seqs: page?.items.map(({ seq }) => seq), hasMore: page?.hasMore };
    };
    expect(await read(0, 'whole')).toEqual({ seqs: [1, 2], hasMore: true });
    expect(await read(2, 'whole')).toEqual({ seqs: [3, 4], hasMore: true });
    expect(await read(4, 'whole')).toEqual({ seqs: [5], hasMore: true });
    expect(await read(0, 'beginnings')).toEqual({ seqs: [1, 2, 3, 4], hasMore: true });
    expect(await read(4, 'beginnings')).toEqual({ seqs: [5], hasMore: true });
    expect(await read(5, 'beginnings')).toEqual({ seqs: [6], hasMore: false });

    const page = await archive.listMessages(organizationId, id, 0, { limit: 4, contents: 'beginnings' });
    const [, text, object, other] = page?.items ?? [];
    expect(text).toMatchObject({ seq: 2, isTruncated: true, content: { text: '🦀é'.repeat(32_768) } });
    expect([object?.isTruncated, Object.keys(object?.content ?? {})]).toEqual([true, ['text']]);
    expect(object?.content['text']).toMatch(/^\{"more": \[1\], "text": "xxx/);
    expect(other?.content['text']).toMatch(/^\{"toolCall": \{"output": "yyy/);

    for (const [index, content] of contents.entries()) {
      expect((await archive.getMessage(organizationId, id, index + 1))?.content).toEqual(content);
    }
    const large = String(contents[4]?.['text']);
    for (const offset of [0, 1024 ** 2, large.length - 5, large.length]) {
      const text = large.slice(offset, offset + 1024 ** 2);
      expect(await archive.readMessageText(organizationId, id, 5, offset)).toEqual({
        text,
        offset,
        length: large.length,
      });
    }
    const crabs = await archive.readMessageText(organizationId, id, 2, 999_999);
    expect(crabs).toEqual({ text: 'é', offset: 999_999, length: 1_000_000 });
    expect(await archive.getMessage(organizationId, id, 7)).toBeNull();
    expect(await archive.getMessage(otherOrganizationId, id, 1)).toBeNull();
    expect(await archive.readMessageText(otherOrganizationId, id, 1, 0)).toBeNull();
  });

  it('keep text that Postgres cannot store, but for the characters themselves', async () => {
    const { archive, runs } = fixture.store;
    const schedule = await fixture.schedule({ organizationId, prompt: 'nul \0 here' });
    const run = await fixture.manualRun(organizationId, schedule.id);
    expect(run.plan.prompt).toBe('nul \uFFFD here');
    const claim = await begin(run.id);
    const content = { text: 'a\0b \ud800 c \udfff d 🙂 \\u0000', 'k\0ey': ['\ud83d'] };
    await runs.appendMessages(claim, [{ agent: 'lead', kind: 'other', content, at: new Date() }]);
    const [message] =
      (await archive.listMessages(organizationId, run.id, 0, { limit: 1, contents: 'whole' }))?.items ?? [];
    expect(message?.content).toEqual({ text: 'a\uFFFDb \uFFFD c \uFFFD d 🙂 \\u0000', 'k\uFFFDey': ['\uFFFD'] });
    await runs.conclude(claim, {
      status: 'failed',
      result: 'r\0',
      error: { code: 'agent_error', message: 'm\0 \ud800' },
    });
    expect(await runs.load(claim)).toMatchObject({
      outcome: { result: 'r\uFFFD', error: { message: 'm\uFFFD \uFFFD' } },
    });
  });

  it('carry messages of 8 MB', async () => {
    const { archive, runs } = fixture.store;
    const schedule = await fixture.schedule({ organizationId });
    const claim = await begin((await fixture.manualRun(organizationId, schedule.id)).id);
    const text = 'x"\\\n'.repeat(2 * 1024 * 1024);
    await runs.appendMessages(claim, [{ agent: 'lead', kind: 'agent_message', content: { text }, at: new Date() }]);
    const [message] =
      (await archive.listMessages(organizationId, claim.runId, 0, { limit: 1, contents: 'whole' }))?.items ?? [];
    expect(message?.content['text'] === text).toBe(true);
  });

  it('show where the agents stand', async () => {
    const { archive, runs } = fixture.store;
    const schedule = await fixture.schedule({ organizationId });
    const claim = await begin((await fixture.manualRun(organizationId, schedule.id)).id);
    await runs.saveAgent(claim, 'lead', { handle: 'abc', container: 'pod/lead', startedAt: new Date(0) });
    const { deployment } = await runs.load(claim);
    const name = `team-${claim.runId}`;
    const view = await archive.getDeployment(organizationId, deployment?.id ?? '');
    expect(view).toEqual({
      id: deployment?.id,
      runId: claim.runId,
      teamId: schedule.teamId,
      name,
      host: 'host-1',
      runtime: 'docker',
      createdAt: expect.any(Date) as Date,
      removedAt: null,
      agents: [
        {
          name: 'lead',
          role: 'leader',
          protocol: 'acp',
          image: 'agent:test',
          container: 'pod/lead',
          handle: 'abc',
          startedAt: new Date(0),
          readyAt: null,
          usage: null,
        },
        {
          name: 'writer',
          role: 'worker',
          protocol: 'command',
          image: null,
          container: `${name}-writer`,
          handle: null,
          startedAt: null,
          readyAt: null,
          usage: null,
        },
      ],
    });
    expect(await archive.getDeployment(otherOrganizationId, deployment?.id ?? '')).toBeNull();
    await runs.conclude(claim, { status: 'success', result: 'ok', error: null });
    const { receipt } = await runs.finish(claim, { container: 2, volume: 1 });
    expect((await archive.getDeployment(organizationId, deployment?.id ?? ''))?.removedAt).toEqual(receipt.verifiedAt);
  });
});
