import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Crewtab } from '../e2e/support/crewtab';
import { ApiClient, type AgentInput } from '../kit/client';
import { demoImage } from '../kit/services/demo-image';
import { describeWithDocker } from '../kit/services/docker';
import { percentile } from '../figures/figure';
import { figuresOf, WITH_FIGURES } from './support/app-figures';
import { endRun } from './support/hostile-run';
import { rawAgent } from './support/raw-agent';

const MIB = 1024 ** 2;
const NEVER = '0 0 1 1 *';
const SECRET = 'the secret of a team';
/** As an operator has them who sets nothing. */
const DEFAULT_LIMITS = { API_REQUEST_LIMIT: '6000', API_FAILURE_LIMIT: '60', API_STREAM_LIMIT: '100' };
const POLICY = { AGENT_MEMORY_MAX: '1g', AGENT_CPUS_MAX: '2', AGENT_PIDS_MAX: '512' };
/** Texts of the run that is asked for: together more than a scheduler may take. */
const TEXTS = 20;
const TEXT_BYTES = 4 * MIB;
/** Of a page, and of what a few readers of such pages add to a scheduler at once. */
const PAGE_BYTES = 4.5 * MIB;
const READERS = 10;
const READING_MIB = 400;
/** Of a client that does no harm, ms: far from what a key may ask in a minute. */
const ASK_EVERY_MS = 20;

jest.setTimeout(180_000);

describeWithDocker('the API', () => {
  let crewtab: Crewtab;
  let member: ApiClient;

  beforeAll(async () => {
    const AGENT_IMAGES = (await demoImage()).replace(/:.*$/, ':*');
    crewtab = await Crewtab.start({
      schedulerEnv: { ...DEFAULT_LIMITS, ...POLICY, AGENT_IMAGES, NODE_OPTIONS: WITH_FIGURES },
      workerEnv: { ...POLICY, AGENT_IMAGES },
    });
    member = new ApiClient(crewtab.api.baseUrl, 'key-of-a-member');
    await crewtab.sql(
      `INSERT INTO api_keys (organization_id, name, role, key_hash)
       SELECT organization_id, 'member', 'member', $1 FROM api_keys LIMIT 1`,
      [createHash('sha256').update(member.apiKey).digest('hex')],
    );
  });

  afterAll(() => (crewtab as Crewtab | undefined)?.stop());

  const get = (path: string, apiKey = crewtab.api.apiKey, signal?: AbortSignal): Promise<Response> =>
    fetch(`${crewtab.api.baseUrl}${path}`, {
      headers: { Authorization: `Bearer ${apiKey}` },
      ...(signal && { signal }),
    });

  const scheduler = () => figuresOf(crewtab.schedulers[0]);

  /** Of requests of a client that does no harm, ms, one after the other while `isOver` says no. */
  async function answerTimes(path: string, isOver: () => boolean, least = 1): Promise<number[]> {
    const times: number[] = [];
    while (times.length < least || !isOver()) {
      const from = performance.now();
      const { status } = await get(path);
      times.push(performance.now() - from);
      expect(status).toBe(200);
      await delay(ASK_EVERY_MS);
    }
    return times;
  }

  const alone = async (path: string): Promise<number> => percentile(await answerTimes(path, () => true, 100), 0.5);

  /** Beside `attack`. */
  async function beside(path: string, attack: Promise<unknown>): Promise<{ p50: number; longest: number }> {
    let isOver = false;
    const ended = attack.finally(() => (isOver = true));
    const times = await answerTimes(path, () => isOver);
    await ended;
    return { p50: percentile(times, 0.5), longest: Math.max(...times) };
  }

  async function run(agent: Partial<AgentInput>, prompt: string): Promise<string> {
    const team = await crewtab.api.createTeam({ name: 'Hostile', agents: [crewtab.leader(agent)] });
    const { id } = await crewtab.api.createSchedule({ teamId: team.id, name: 'x', prompt, cron: NEVER, timeout: '2m' });
    return (await crewtab.api.trigger(id)).id;
  }

  const shown = (figures: object): void => console.log(JSON.stringify(figures));

  it('7. a conversation of 80 MB is read in pages of 4 MiB, by many at once, and others are answered', async () => {
    const turn = `let n = 0; const more = () => { if (n++ === ${TEXTS}) return end();
      text(String(n).padEnd(${TEXT_BYTES}, 'x')); setImmediate(more); }; more();`;
    const beganAt = performance.now();
    const id = await run(rawAgent(turn), 'go');
    const ended = await crewtab.api.untilFinished(id);
    const endedInMs = performance.now() - beganAt;
    expect(ended.status).toBe('success');
    const path = `/api/v1/runs/${id}`;
    const light = '/api/v1/teams?limit=1';
    const before = { p50: await alone(light), ...(await scheduler()) };
    const page = async (): Promise<number> =>
      (await (await get(`${path}/messages?limit=100`)).arrayBuffer()).byteLength;
    const pages: number[] = [];
    const read = async (): Promise<void> => {
      for (let count = 0; count < 5; count++) pages.push(await page());
    };
    const during = await beside(light, Promise.all(Array.from({ length: READERS }, read)));
    const after = await scheduler();
    shown({ attack: 7, endedInMs, before, during, after, largestPage: Math.max(...pages) });
    expect(pages).toHaveLength(5 * READERS);
    expect(Math.max(...pages)).toBeLessThan(PAGE_BYTES);
    expect(after.peakMib - before.peakMib).toBeLessThan(READING_MIB);
    // Nothing is lost: page by page, each text can be had whole.
    const texts = (await crewtab.api.messages(id)).filter(({ kind }) => kind === 'agent_message');
    expect(texts.map(({ content }) => content.text?.length)).toEqual(Array(TEXTS).fill(TEXT_BYTES));
  });

  it('11. agents that ask for the machine, or for any image, are refused at their field and by the worker', async () => {
    const ask = (fields: Partial<AgentInput>): Promise<unknown> =>
      crewtab.api.createTeam({ name: 'Greedy', agents: [crewtab.leader(fields)] });
    const faults: [Partial<AgentInput>, string][] = [
      [{ resources: { memory: '4t' } }, 'agents.0.resources.memory'],
      [{ resources: { cpus: 256 } }, 'agents.0.resources.cpus'],
      [{ resources: { pids: 4_000_000 } }, 'agents.0.resources.pids'],
      [{ image: 'evil.example.org/miner:latest' }, 'agents.0.image'],
      [{ image: `${crewtab.image.split(':')[0]}/../evil:latest` }, 'agents.0.image'],
    ];
    for (const [fields, path] of faults)
      await expect(ask(fields)).rejects.toMatchObject({ status: 400, errors: [{ path }] });
    // A team of an earlier version, or of an operator that had other ceilings.
    const id = await run({}, 'answer well');
    await crewtab.api.untilFinished(id);
    const scheduleId = (await crewtab.api.run(id)).scheduleId ?? '';
    for (const [change, word] of [
      [`resources = '{"memory": "4t"}'`, 'memory'],
      [`resources = NULL, image = 'evil.example.org/miner:latest'`, 'image'],
    ] as const) {
      await crewtab.sql(`UPDATE agents SET ${change} WHERE team_id = (SELECT team_id FROM schedules WHERE id = $1)`, [
        scheduleId,
      ]);
      const { run: ended } = await endRun(crewtab, await crewtab.api.trigger(scheduleId));
      expect(ended).toMatchObject({ status: 'failed', error: { code: 'not_allowed' }, teardown: { containers: 0 } });
      expect(ended.error?.message).toContain(word);
    }
  });

  it('12. no answer shows a value of an environment, and what was read can be written back without a loss', async () => {
    const agent = crewtab.leader({ env: { TOKEN: SECRET, OTHER: 'well known' } });
    const team = await crewtab.api.createTeam({ name: 'Keepers', agents: [agent] });
    const schedule = await crewtab.api.createSchedule({
      teamId: team.id,
      name: 'x',
      prompt: 'shell test "$TOKEN" = "the secret of a team" && echo kept',
      cron: NEVER,
    });
    const edit = { params: { id: team.id } };
    const read = await crewtab.api.request('GET /teams/:id', edit);
    expect(read.agents[0]?.env).toEqual({ TOKEN: { isSet: true }, OTHER: { isSet: true } });
    await crewtab.api.request('PATCH /teams/:id', { ...edit, body: { agents: read.agents } });
    const { run: ended, said } = await endRun(crewtab, await crewtab.api.trigger(schedule.id));
    expect(said).toContain('kept');
    const paths = ['/teams', `/teams/${team.id}`, '/schedules', `/schedules/${schedule.id}`, '/runs', '/config'];
    paths.push(`/runs/${ended.id}`, `/deployments/${ended.teamDeploymentId ?? ''}`, `/schedules/${schedule.id}/runs`);
    for (const { apiKey } of [member, crewtab.api])
      for (const path of paths) {
        const answer = await get(`/api/v1${path}`, apiKey);
        expect([path, answer.status]).toEqual([path, 200]);
        const text = await answer.text();
        // The prompt has it in the open, as whoever wrote it chose.
        expect(text.replaceAll(JSON.stringify(schedule.prompt), '')).not.toContain(SECRET);
      }
    for (const line of [...crewtab.schedulers, ...crewtab.workers].flatMap(({ lines }) => lines))
      expect(line).not.toContain(SECRET);
  });

  it('14. a thousand streams, readers of metrics and bad keys leave the API to others', async () => {
    const path = '/api/v1/teams?limit=1';
    const figures: Record<string, unknown> = { attack: 14, aloneP50: await alone(path), before: await scheduler() };
    const leave = new AbortController();
    // Held, since an answer that is collected as garbage gives its stream's place to the next one.
    const streams: Response[] = [];
    const open = async (): Promise<unknown> => streams.push(await get('/api/v1/events', member.apiKey, leave.signal));
    const all = Promise.all(Array.from({ length: 1_000 }, open));
    figures['opening streams'] = await beside(path, all);
    figures['open streams'] = await beside(
      path,
      answerTimes(path, () => true, 50),
    );
    leave.abort();
    expect(count(streams.map(({ status }) => status))).toEqual({ 200: 100, 429: 900 });

    const metrics = async (): Promise<void> => {
      for (let times = 0; times < 25; times++) await (await get('/metrics')).text();
    };
    figures['readers of metrics'] = await beside(path, Promise.all(Array.from({ length: 40 }, metrics)));

    const guesses: number[] = [];
    const guess = async (name: number): Promise<void> => {
      for (let times = 0; times < 65; times++) guesses.push((await get(path, `guess-${name}-${times}`)).status);
    };
    figures['bad keys'] = await beside(path, Promise.all(Array.from({ length: 10 }, (_, name) => guess(name))));
    expect(count(guesses)).toEqual({ 401: 60, 429: 590 });
    shown({ ...figures, after: await scheduler() });
    // Neither the key that was misused nor the address it came from is locked out.
    expect((await get(path, member.apiKey)).status).toBe(200);
  });
});

function count(values: readonly number[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}
