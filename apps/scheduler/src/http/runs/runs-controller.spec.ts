import type { getConfig } from '@crewtab/api-contract/service-routes';
import type { RouteAnswer } from '../contract/route';
import { KEYS, NO_ID, ORGANIZATION, startHttp, type HttpFixture } from '../http-fixture';

const RUNS = '/api/v1/runs';

let http: HttpFixture;
beforeAll(async () => (http = await startHttp()));
beforeEach(() => http.reset());
afterAll(() => http.app.close());

const addRun = (run: Parameters<HttpFixture['runs']['addRun']>[0] = {}) =>
  http.runs.addRun({ organizationId: ORGANIZATION, ...run });
const paths = (body: unknown): string[] => (body as { errors: { path: string }[] }).errors.map((error) => error.path);
const ids = (body: unknown): string[] => (body as { items: { id: string }[] }).items.map((item) => item.id);

describe('GET /runs/:id', () => {
  it('shows a run that ended well, with its receipt', async () => {
    const at = new Date('2026-01-05T09:00:01.234Z');
    const run = addRun({
      status: 'success',
      phase: 'finished',
      startedAt: at,
      deadlineAt: at,
      finishedAt: at,
      outcome: { status: 'success', result: 'Done.', error: null },
      deployment: { id: NO_ID, name: 'marketing-team-run-3f9a1c', agents: [] },
      teardown: {
        begunAt: at,
        failedAttempts: 1,
        error: null,
        receipt: { removed: { container: 2, volume: 1 }, verifiedAt: at, givenUp: null },
      },
    });
    const answer = await http.call('get', `${RUNS}/${run.id}`).expect(200);
    expect(answer.body).toMatchObject({
      id: run.id,
      status: 'success',
      prompt: 'Write a report.',
      timeout: '1h',
      result: 'Done.',
      error: null,
      startedAt: '2026-01-05T09:00:01.234Z',
      teamDeploymentId: NO_ID,
      teardown: {
        containers: 2,
        networks: 0,
        volumes: 1,
        removed: { container: 2, volume: 1 },
        verifiedAt: '2026-01-05T09:00:01.234Z',
        givenUp: null,
      },
      teardownFailure: null,
      warnings: [],
    });
  });

  it('warns of an open network, unless nothing was run', async () => {
    const plan = { ...addRun().plan, network: { mode: 'open', hosts: [] } } as const;
    const warningsOf = async (seed: Parameters<typeof addRun>[0]): Promise<unknown> =>
      ((await http.call('get', `${RUNS}/${addRun(seed).id}`).expect(200)).body as { warnings: unknown }).warnings;
    expect(await warningsOf({ plan })).toEqual([expect.objectContaining({ code: 'network_open' })]);
    const cut = { code: 'output_cut', message: 'it was cut' } as const;
    expect(await warningsOf({ plan, warnings: [cut] })).toEqual([
      expect.objectContaining({ code: 'network_open' }),
      cut,
    ]);
    expect(await warningsOf({ plan, status: 'skipped', phase: 'finished', finishedAt: new Date() })).toEqual([]);
  });

  it('shows why a run failed and that its teardown does not get on', async () => {
    const run = addRun({
      status: 'failed',
      phase: 'tearing_down',
      finishedAt: new Date(),
      outcome: { status: 'failed', result: null, error: { code: 'agent_exited', message: 'exit code 3' } },
      teardown: {
        begunAt: new Date(),
        failedAttempts: 4,
        error: { code: 'engine_error', message: 'device busy' },
        receipt: null,
      },
    });
    expect((await http.call('get', `${RUNS}/${run.id}`).expect(200)).body).toMatchObject({
      error: { code: 'agent_exited', message: 'exit code 3' },
      teardown: null,
      teardownFailure: { code: 'engine_error', message: 'device busy', attempts: 4 },
    });
  });

  it('shows why a run never began', async () => {
    const notRunReason = { code: 'overlap_skipped', message: 'another run was active' } as const;
    const run = addRun({ status: 'skipped', phase: 'finished', finishedAt: new Date(), notRunReason });
    expect((await http.call('get', `${RUNS}/${run.id}`).expect(200)).body).toMatchObject({
      status: 'skipped',
      error: notRunReason,
      startedAt: null,
    });
  });
});

describe('GET /runs', () => {
  it('filters and pages, newest first', async () => {
    const one = addRun({
      scheduledFor: new Date('2026-01-01T00:00:00Z'),
      status: 'failed',
      phase: 'finished',
      trigger: 'manual',
    });
    const two = addRun({ scheduledFor: new Date('2026-01-02T00:00:00Z') });
    http.runs.addRun({ organizationId: 'another' });
    const list = async (query: string): Promise<string[]> =>
      ids((await http.call('get', `${RUNS}?${query}`).expect(200)).body);
    expect(await list('')).toEqual([two.id, one.id]);
    expect(await list('limit=1')).toEqual([two.id]);
    expect(await list('status=failed')).toEqual([one.id]);
    expect(await list('trigger=schedule')).toEqual([two.id]);
    expect(await list('since=2026-01-02T00:00:00Z')).toEqual([two.id]);
    expect(await list('until=2026-01-02T01:00:00%2B01:00')).toEqual([one.id]);
    expect(await list(`teamId=${one.teamId}&scheduleId=${one.scheduleId ?? ''}`)).toEqual([one.id]);
    expect(await list(`teamId=${NO_ID}`)).toEqual([]);
    expect(await list('code=agent_idle')).toEqual([]);
  });

  it('filters by what runs took and cost, and sorts by it', async () => {
    const startedAt = new Date('2026-01-01T00:00:00Z');
    const usage = { inputTokens: 1, outputTokens: 1, incomplete: [] };
    const [short, long] = [60, 600].map((seconds) =>
      addRun({
        ...{ status: 'success', phase: 'finished', startedAt },
        finishedAt: new Date(startedAt.getTime() + seconds * 1_000),
        usage: { ...usage, cost: { amount: seconds / 100, currency: 'USD' } },
      }),
    );
    const live = addRun();
    const list = async (query: string): Promise<string[]> =>
      ids((await http.call('get', `${RUNS}?${query}`).expect(200)).body);
    expect(await list('minDuration=2m')).toEqual([long?.id]);
    expect(await list('maxDuration=1m')).toEqual([short?.id]);
    expect(await list('minCost=0.7&maxCost=6')).toEqual([long?.id]);
    expect(await list('sort=oldest')).toEqual([short?.id, long?.id, live.id]);
    expect(await list('sort=longest')).toEqual([long?.id, short?.id]);
    expect(await list('sort=cheapest')).toEqual([short?.id, long?.id]);
  });

  it('counts them by status, whatever one is asked for, and names the codes', async () => {
    const error = { code: 'agent_idle', message: 'x' } as const;
    const failed = { status: 'failed', phase: 'finished', outcome: { status: 'failed', result: null, error } } as const;
    addRun(failed);
    addRun({ ...failed, trigger: 'manual' });
    addRun();
    http.runs.addRun({ organizationId: 'another', ...failed });
    const counts = async (query: string): Promise<unknown> =>
      (await http.call('get', `${RUNS}/counts?${query}`).expect(200)).body;
    const codes = ['agent_idle'];
    expect(await counts('')).toEqual({ byStatus: { failed: 2, queued: 1 }, limit: 1000, codes });
    expect(await counts('trigger=manual&code=agent_idle')).toEqual({ byStatus: { failed: 1 }, limit: 1000, codes });
    expect(paths((await http.call('get', `${RUNS}/counts?code=Broken`).expect(400)).body)).toEqual(['code']);
    expect(paths((await http.call('get', `${RUNS}/counts?status=failed`).expect(400)).body)).toEqual(['status']);
  });

  it.each([
    ['status=broken', 'status'],
    ['sort=odd', 'sort'],
    ['minDuration=ten', 'minDuration'],
    ['minDuration=2m&maxDuration=1m', 'maxDuration'],
    ['minCost=-1', 'minCost'],
    ['minCost=1&maxCost=0.5', 'maxCost'],
    ['trigger=hand', 'trigger'],
    ['since=monday', 'since'],
    ['since=2026-02-30T00:00:00Z', 'since'],
    ['since=%2B275760-09-13T00:00:00Z', 'since'],
    ['since=0001-01-01T00:00:00%2B00:01', 'since'],
    ['until=9999-12-31T23:59:59-00:01', 'until'],
    ['limit=1e9', 'limit'],
    ['limit=2147483648', 'limit'],
    ['since=2026-01-02T00:00:00Z&until=2026-01-02T00:00:00Z', 'until'],
    ['scheduleId=x', 'scheduleId'],
    ['teamId=x', 'teamId'],
    ['code=No%20code', 'code'],
  ])('refuses ?%s', async (query, path) => {
    expect(paths((await http.call('get', `${RUNS}?${query}`).expect(400)).body)).toEqual([path]);
  });
});

describe('the runs of a schedule', () => {
  it('stay readable when the schedule is gone', async () => {
    const run = addRun({ scheduleId: NO_ID });
    addRun();
    expect(ids((await http.call('get', `/api/v1/schedules/${NO_ID}/runs`).expect(200)).body)).toEqual([run.id]);
  });
});

describe('cancel', () => {
  it('asks a run to end', async () => {
    const run = addRun({ status: 'running', phase: 'monitoring' });
    const answer = await http.call('post', `${RUNS}/${run.id}/cancel`).expect(202);
    expect(answer.body).toMatchObject({ status: 'running', cancelRequestedAt: '2026-01-05T09:00:00.000Z' });
  });

  it('ends a queued run at once', async () => {
    const run = addRun();
    const answer = await http.call('post', `${RUNS}/${run.id}/cancel`).send({}).expect(202);
    expect(answer.body).toMatchObject({ status: 'cancelled', phase: 'finished', error: { code: 'cancelled' } });
  });

  it('refuses for a run that is over', async () => {
    const run = addRun({ status: 'success', phase: 'finished', finishedAt: new Date() });
    expect((await http.call('post', `${RUNS}/${run.id}/cancel`).expect(409)).body).toMatchObject({ code: 'conflict' });
  });

  it('refuses for a run whose work is done and which is being torn down: it cannot end otherwise any more', async () => {
    const run = addRun({ status: 'running', phase: 'tearing_down' });
    const { body } = await http.call('post', `${RUNS}/${run.id}/cancel`).expect(409);
    expect(body).toMatchObject({ code: 'conflict', detail: expect.stringContaining('success') as string });
  });
});

describe('rerun', () => {
  it('starts a new run with the old prompt and wakes a worker', async () => {
    const run = addRun({ status: 'failed', phase: 'finished', plan: { ...addRun().plan, prompt: 'Once more.' } });
    const answer = await http.call('post', `${RUNS}/${run.id}/rerun`).expect(202);
    expect(answer.body).toMatchObject({
      trigger: 'rerun',
      status: 'queued',
      prompt: 'Once more.',
      scheduleId: run.scheduleId,
    });
    const { id } = answer.body as { id: string };
    expect(id).not.toBe(run.id);
    expect(http.queue.offered).toEqual([id]);
  });
});

describe('messages', () => {
  it('come oldest first, in pages behind a seq', async () => {
    const run = addRun();
    for (const text of ['a', 'b', 'c']) http.runs.say(run.id, { kind: 'agent_message', content: { text } });
    const first = await http.call('get', `${RUNS}/${run.id}/messages?limit=2`).expect(200);
    expect(first.body).toEqual({
      items: [
        { seq: 1, at: '2026-01-05T09:00:00.000Z', agent: 'lead', kind: 'agent_message', content: { text: 'a' } },
        { seq: 2, at: '2026-01-05T09:00:00.000Z', agent: 'lead', kind: 'agent_message', content: { text: 'b' } },
      ],
      nextCursor: '2',
    });
    for (const query of ['after=2', 'cursor=2', 'after=0&cursor=2']) {
      const rest = await http.call('get', `${RUNS}/${run.id}/messages?${query}`).expect(200);
      expect(rest.body).toMatchObject({ items: [{ seq: 3 }], nextCursor: null });
    }
    expect((await http.call('get', `${RUNS}/${run.id}/messages?after=3`).expect(200)).body).toEqual({
      items: [],
      nextCursor: null,
    });
  });

  it('come before a seq and around one, of an agent and of some kinds', async () => {
    const run = addRun();
    for (const kind of ['agent_message', 'tool_call', 'agent_message', 'tool_call', 'agent_message'] as const)
      http.runs.say(run.id, { kind, content: { text: kind } });
    const seqs = async (query: string): Promise<unknown> => {
      const { body } = await http.call('get', `${RUNS}/${run.id}/messages?${query}`).expect(200);
      const { items, nextCursor } = body as { items: { seq: number }[]; nextCursor: string | null };
      return [items.map(({ seq }) => seq), nextCursor];
    };
    expect(await seqs('before=5&limit=2')).toEqual([[3, 4], '3']);
    expect(await seqs('before=5&cursor=3&limit=2')).toEqual([[1, 2], null]);
    expect(await seqs('around=3&limit=2')).toEqual([[2, 3], '3']);
    expect(await seqs('around=1&limit=4')).toEqual([[1, 2, 3, 4], '4']);
    expect(await seqs('around=4&limit=500')).toEqual([[1, 2, 3, 4, 5], null]);
    expect(await seqs('kind=tool_call')).toEqual([[2, 4], null]);
    expect(await seqs('kind=tool_call,agent_message&agent=other')).toEqual([[], null]);
  });

  it('are searched and outlined', async () => {
    const run = addRun();
    for (const text of ['one branch', 'nothing', 'two BRANCHES'])
      http.runs.say(run.id, { kind: 'agent_message', content: { text } });
    const found = await http.call('get', `${RUNS}/${run.id}/search?q=branch&limit=1`).expect(200);
    expect(found.body).toMatchObject({
      items: [{ seq: 1, snippet: { before: 'one ', match: 'branch', after: '' } }],
      nextCursor: '1',
    });
    const rest = await http.call('get', `${RUNS}/${run.id}/search?q=branch&cursor=1`).expect(200);
    expect(rest.body).toMatchObject({
      items: [{ seq: 3, snippet: { match: 'BRANCH', after: 'ES' } }],
      nextCursor: null,
    });
    const outline = await http.call('get', `${RUNS}/${run.id}/outline?after=1`).expect(200);
    expect(outline.body).toMatchObject({ lastSeq: 3, columns: [{ seq: 2 }, { seq: 3 }], problems: [] });
    for (const query of ['q=', 'q=x&limit=501', 'p=x'])
      await http.call('get', `${RUNS}/${run.id}/search?${query}`).expect(400);
    await http.call('get', `${RUNS}/${run.id}/outline`, KEYS.other).expect(404);
  });

  const MEBIBYTE = 1024 ** 2;
  const say = (runId: string, content: Readonly<Record<string, unknown>>) =>
    http.runs.say(runId, { kind: 'other', content });
  interface MessagePage {
    readonly items: readonly {
      readonly seq: number;
      readonly content: { readonly text?: string };
      readonly truncated?: true;
    }[];
    readonly nextCursor: string | null;
  }
  const page = async (runId: string, query: string) =>
    http.call('get', `${RUNS}/${runId}/messages?${query}`).expect(200);

  it('of an agent that writes 100 of 1 MB come in pages of at most 4 MiB, and none is lost', async () => {
    const run = addRun();
    for (let n = 0; n < 100; n++) say(run.id, { text: 'x'.repeat(MEBIBYTE) });
    const seen: number[] = [];
    for (let cursor: string | null = '0'; cursor !== null;) {
      const answer = await page(run.id, `limit=100&cursor=${cursor}`);
      expect(answer.text.length).toBeLessThan(4.2 * MEBIBYTE);
      const { items, nextCursor } = answer.body as MessagePage;
      seen.push(...items.map(({ seq }) => seq));
      cursor = nextCursor;
    }
    expect(seen).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
  });

  it('over 64 KiB have their beginning in lists, and are whole by themselves and in slices', async () => {
    const run = addRun();
    const text = '🦀é'.repeat(900_000);
    say(run.id, { text });
    say(run.id, { text: 'short' });
    const { items } = (await page(run.id, 'limit=10')).body as MessagePage;
    expect(items.map(({ seq, truncated }) => [seq, truncated])).toEqual([
      [1, true],
      [2, undefined],
    ]);
    expect(items[0]?.content).toEqual({ text: '🦀é'.repeat(32_768) });
    const path = `${RUNS}/${run.id}/messages/1`;
    expect((await http.call('get', path).expect(200)).body).toMatchObject({ seq: 1, content: { text } });
    let read = '';
    for (let offset: number | null = 0; offset !== null;) {
      const answer = await http.call('get', `${path}/text?offset=${offset}`).expect(200);
      const slice = answer.body as { text: string; length: number; nextOffset: number | null };
      expect(slice.length).toBe(1_800_000);
      read += slice.text;
      offset = slice.nextOffset;
    }
    expect(read === text).toBe(true);
    expect((await http.call('get', `${path}/text?offset=1800000`).expect(200)).body).toEqual({
      text: '',
      offset: 1_800_000,
      length: 1_800_000,
      nextOffset: null,
    });
  });

  it('of other contents have the beginning of their JSON', async () => {
    const run = addRun();
    const content = { toolCall: { output: 'x'.repeat(100_000) } };
    say(run.id, content);
    const { items } = (await page(run.id, 'limit=10')).body as MessagePage;
    expect(items).toMatchObject([{ truncated: true, content: { text: JSON.stringify(content).slice(0, 65_536) } }]);
    const whole = await http.call('get', `${RUNS}/${run.id}/messages/1/text`).expect(200);
    expect(JSON.parse((whole.body as { text: string }).text)).toEqual(content);
  });

  it('say where they come from, and are one where they are pieces of one', async () => {
    const run = addRun();
    const origin = { messageId: 'm', turn: 'prompt:1', session: 'child', block: 'b' };
    http.runs.say(
      run.id,
      { kind: 'agent_message', content: { text: 'one ' }, origin },
      { kind: 'tool_call', content: { toolCallId: 'c' }, origin: { toolCallId: 'c', block: 'c' } },
      { kind: 'agent_message', content: { text: 'two' }, origin },
      {
        kind: 'tool_result',
        content: { toolCallId: 'c', status: 'completed' },
        origin: { toolCallId: 'c', block: 'c' },
      },
    );
    const pieces = (await page(run.id, 'limit=10')).body as MessagePage;
    expect(pieces.items[0]).toMatchObject({ messageId: 'm', turn: 'prompt:1', session: 'child' });
    expect(pieces.items).toHaveLength(4);
    const first = (await page(run.id, 'limit=1&view=joined')).body as MessagePage;
    expect(first).toMatchObject({
      items: [{ seq: 1, content: { text: 'one two' }, messageId: 'm', pieces: 2, lastSeq: 3 }],
      nextCursor: '1',
    });
    expect((await page(run.id, 'view=joined&cursor=1')).body).toMatchObject({
      items: [{ seq: 2, kind: 'tool_call', content: { status: 'completed' }, toolCallId: 'c', lastSeq: 4 }],
      nextCursor: null,
    });
  });

  it.each(['/messages/2', '/messages/0', '/messages/x', '/messages/2147483648', '/messages/2/text'])(
    'are not there: %s',
    async (path) => {
      const run = addRun();
      say(run.id, { text: 'only one' });
      await http.call('get', `${RUNS}/${run.id}${path}`).expect(404);
      await http.call('get', `${RUNS}/${run.id}/messages/1`, KEYS.other).expect(404);
    },
  );

  it.each([
    ['after=-1', 'after'],
    ['after=x', 'after'],
    ['after=2147483648', 'after'],
    ['after=99999999999999999999', 'after'],
    ['cursor=2147483648', 'cursor'],
    ['limit=501', 'limit'],
    ['view=whole', 'view'],
    ['after=1&before=2', 'before'],
    ['around=1&before=2', 'around'],
    ['kind=agent_message,odd', 'kind'],
    ['view=joined&kind=plan', 'kind'],
  ])('refuse ?%s', async (query, path) => {
    const run = addRun();
    expect(paths((await http.call('get', `${RUNS}/${run.id}/messages?${query}`).expect(400)).body)).toEqual([path]);
  });
});

describe('GET /runs/:id/neighbours', () => {
  it('answers the runs around one, and the last success before it', async () => {
    const day = (n: number): Date => new Date(Date.UTC(2026, 0, n));
    const [first, second, third, fourth] = (['success', 'failed', 'timeout', 'success'] as const).map((status, index) =>
      addRun({ scheduleId: NO_ID, status, phase: 'finished', scheduledFor: day(index + 1) }),
    );
    const of = async (id = ''): Promise<unknown> =>
      (await http.call('get', `${RUNS}/${id}/neighbours`).expect(200)).body;
    expect(await of(third?.id)).toEqual({
      previous: { id: second?.id, status: 'failed', scheduledFor: '2026-01-02T00:00:00.000Z' },
      next: { id: fourth?.id, status: 'success', scheduledFor: '2026-01-04T00:00:00.000Z' },
      lastSuccess: { id: first?.id, status: 'success', scheduledFor: '2026-01-01T00:00:00.000Z' },
    });
    expect(await of(first?.id)).toMatchObject({ previous: null, lastSuccess: null });
  });
});

describe('GET /runs/:id/export', () => {
  const ended = () =>
    addRun({
      status: 'success',
      phase: 'finished',
      finishedAt: new Date(),
      outcome: { status: 'success', result: 'All is well.', error: null },
    });

  it('is the run and every message as JSON, however many', async () => {
    const run = ended();
    for (let n = 1; n <= 250; n++) http.runs.say(run.id, { kind: 'agent_message', content: { text: `${n}` } });
    const answer = await http.call('get', `${RUNS}/${run.id}/export`).expect(200);
    expect(answer.headers['content-disposition']).toBe(`attachment; filename="run-${run.id.slice(-6)}.json"`);
    const { run: view, messages } = JSON.parse(answer.text) as { run: { id: string }; messages: { seq: number }[] };
    expect(view.id).toBe(run.id);
    expect(messages.map(({ seq }) => seq)).toEqual(Array.from({ length: 250 }, (_, index) => index + 1));
  });

  it('is for reading as Markdown, where no text breaks out of its fence', async () => {
    const run = ended();
    http.runs.say(
      run.id,
      { kind: 'agent_message', content: { text: 'one ' } },
      { kind: 'agent_message', content: { text: 'answer' } },
      { kind: 'stderr', content: { text: '```\n# not a heading' } },
    );
    const answer = await http.call('get', `${RUNS}/${run.id}/export?format=markdown`).expect(200);
    expect(answer.headers['content-type']).toContain('text/markdown');
    expect(answer.text).toContain('## Result\n\nAll is well.');
    expect(answer.text).toContain('one answer');
    expect(answer.text).toContain('````\n```\n# not a heading\n````');
  });

  it('is refused in other formats', async () => {
    expect(paths((await http.call('get', `${RUNS}/${ended().id}/export?format=pdf`).expect(400)).body)).toEqual([
      'format',
    ]);
  });
});

describe('GET /deployments/:id', () => {
  const agent = {
    name: 'lead',
    role: 'leader',
    protocol: 'acp',
    image: 'agent:1',
    container: 'team-run-1-lead',
    handle: 'abc',
    startedAt: new Date(0),
    readyAt: null,
    usage: { inputTokens: 1, outputTokens: 2, cost: null, incomplete: ['cost'] },
  } as const;
  const deployment = {
    id: NO_ID,
    runId: NO_ID,
    teamId: NO_ID,
    name: 'team-run-1',
    host: 'h',
    runtime: 'docker',
    createdAt: new Date(0),
    removedAt: null,
    agents: [agent],
  };

  it('shows the containers of a run', async () => {
    http.runs.deployments.set(NO_ID, { ...deployment, organizationId: ORGANIZATION });
    const answer = await http.call('get', `/api/v1/deployments/${NO_ID}`).expect(200);
    expect(answer.body).toMatchObject({
      name: 'team-run-1',
      removedAt: null,
      agents: [{ container: 'team-run-1-lead', startedAt: '1970-01-01T00:00:00.000Z', usage: { inputTokens: 1 } }],
    });
    await http.call('get', `/api/v1/deployments/${NO_ID}`, KEYS.other).expect(404);
  });
});

describe('GET /config', () => {
  it('answers the defaults, limits and names that a form needs', async () => {
    const answer = await http.call('get', '/api/v1/config').expect(200);
    const config = answer.body as RouteAnswer<typeof getConfig>;
    expect(config).toMatchObject({
      defaultTimeout: '1h',
      maxTimeout: '24h',
      runtime: 'docker',
      protocols: ['acp', 'command'],
      limits: { promptLength: 50_000 },
    });
    expect(config.timezones).toEqual(expect.arrayContaining(['UTC', 'Europe/Berlin']));
  });
});

describe('another organization', () => {
  it.each([
    ['get', ''],
    ['post', '/cancel'],
    ['post', '/rerun'],
    ['get', '/messages'],
    ['get', '/neighbours'],
    ['get', '/export'],
    ['get', '/events'],
  ] as const)('sees 404 for %s %s', async (method, suffix) => {
    const run = addRun();
    for (const [id, key] of [
      [run.id, KEYS.other],
      [NO_ID, KEYS.admin],
      ['seventeen', KEYS.admin],
    ] as const) {
      expect((await http.call(method, `${RUNS}/${id}${suffix}`, key).expect(404)).body).toMatchObject({
        code: 'not_found',
      });
    }
    expect(http.runs.runs.size).toBe(1);
    expect(http.runs.runs.get(run.id)?.cancelRequestedAt).toBeNull();
  });
});
