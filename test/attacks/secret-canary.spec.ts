import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { Crewtab } from '../e2e/support/crewtab';
import type { Run } from '../kit/client';
import { describeWithDocker, dockerEngine } from '../kit/services/docker';
import { eventually } from '../kit/wait-for';
import { endRun } from './support/hostile-run';
import { rawAgent } from './support/raw-agent';

/** In no other place of the world. With characters that each encoding writes otherwise. */
const CANARY = `canary-${randomBytes(9).toString('hex')}/+?é"\\end`;
const NEVER = '0 0 1 1 *';
const METRICS = { WORKER_METRICS_PORT: '0' };

/** In every encoding that docs/secrets.md names, by code that is not the product's. */
function encodings(value: string): string[] {
  const aligned = [0, 1, 2].map((offset) => {
    const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(value)]);
    const certain = Math.floor((bytes.length * 8) / 6);
    return bytes.toString('base64').slice(offset === 0 ? 0 : offset + 1, certain);
  });
  const hex = Buffer.from(value).toString('hex');
  const json = JSON.stringify(value).slice(1, -1);
  const url = encodeURIComponent(value);
  return [
    value,
    ...aligned,
    ...aligned.map((text) => text.replaceAll('+', '-').replaceAll('/', '_')),
    ...[hex, hex.toUpperCase()],
    ...[url, url.replace(/%../g, (escape) => escape.toLowerCase()), url.replaceAll('%2F', '/')],
    ...[json, JSON.stringify(json).slice(1, -1), json.replaceAll('é', '\\u00e9'), json.replaceAll('/', '\\/')],
  ];
}

/** Also as the sinks themselves write what they hold: JSON within a dump, within an answer. */
function findIn(place: string, text: string): string[] {
  const found = encodings(CANARY).filter((form) => text.includes(form));
  return found.map((form) => `${place} has ${form}`);
}

/** The agent makes them of its variable: its command is shown, and must not have them. */
const FORMS = `(${encodings.toString()})(process.env.CANARY)`;

/** Tells its secret in every way there is, and waits in between to be looked at. */
const TELLS = `
  const forms = ${FORMS};
  const value = process.env.CANARY;
  const update = (fields) => say({ method: 'session/update', params: { sessionId: 's', update: fields } });
  const thought = (words) => update({ sessionUpdate: 'agent_thought_chunk', content: { type: 'text', text: words } });
  text('has it: ' + (value === forms[0]) + '\\n');
  for (const form of forms) {
    for (const size of [1, 3, 7, 16]) {
      for (let at = 0; at < form.length; at += size) text(form.slice(at, at + size));
      text(' . ');
    }
    text('whole: ' + form + '\\n');
    for (let at = 0; at < form.length; at += 5) thought(form.slice(at, at + 5));
    thought(' . ');
    process.stderr.write('stderr ' + form + '\\n');
    process.stdout.write('noise ' + form + '\\n');
    update({ sessionUpdate: 'tool_call', toolCallId: form, title: 'curl ' + form, status: 'pending', rawInput: { [form]: [form] } });
    update({ sessionUpdate: 'tool_call_update', toolCallId: form, status: 'completed',
      content: [{ type: 'content', content: { type: 'text', text: form } }] });
    update({ sessionUpdate: 'plan', entries: [{ content: form, priority: 'low', status: 'pending' }] });
    update({ sessionUpdate: 'nobody_knows_this_' + form, more: form });
  }
  const unit = value + ' ';
  const flood = unit.repeat(Math.ceil(3000000 / unit.length));
  for (let at = 0; at < flood.length; at += 9973) text(flood.slice(at, at + 9973));
  text('\\nlook\\n');
  update({ sessionUpdate: 'tool_call', toolCallId: 'last', title: 'waits', status: 'completed' });
  setTimeout(() => { text('in the end ' + value); FINISH }, 6000);`;

const succeeds = TELLS.replace('FINISH', 'end();');
const fails = TELLS.replace(
  'FINISH',
  "say({ id, error: { code: -32603, message: 'refused ' + value, data: { details: value } } });",
);

jest.setTimeout(300_000);

describeWithDocker('14. the secret of a run', () => {
  let crewtab: Crewtab;
  const events: string[] = [];
  const streams = new AbortController();

  beforeAll(async () => {
    crewtab = await Crewtab.start({
      workerEnv: { ...METRICS, LOG_LEVEL: 'debug' },
      schedulerEnv: { LOG_LEVEL: 'debug' },
    });
    const { api } = crewtab;
    await api.request('PUT /secrets/:name', { params: { name: 'canary' }, body: { value: CANARY } });
    follow(`${api.baseUrl}/api/v1/events`);
  });

  afterAll(async () => {
    streams.abort();
    await (crewtab as Crewtab | undefined)?.stop();
  });

  const authorization = (): string => `Bearer ${crewtab.api.apiKey}`;

  function follow(url: string): void {
    const reading = async (): Promise<void> => {
      const answer = await fetch(url, { headers: { authorization: authorization() }, signal: streams.signal });
      for await (const chunk of answer.body ?? []) events.push(Buffer.from(chunk).toString('utf8'));
    };
    reading().catch((error: unknown) => {
      if (!streams.signal.aborted) throw error;
    });
  }

  async function start(turn: string): Promise<Run> {
    const { api } = crewtab;
    const leader = { ...crewtab.leader(rawAgent(turn)), secrets: { CANARY: 'canary' } };
    const team = await api.createTeam({ name: 'Canary', agents: [leader] });
    const schedule = await api.createSchedule({ teamId: team.id, name: 'canary', prompt: 'Tell.', cron: NEVER });
    const run = await api.trigger(schedule.id);
    follow(`${api.baseUrl}/api/v1/runs/${run.id}/events`);
    return run;
  }

  async function containersOf({ id }: Run): Promise<string> {
    const engine = dockerEngine();
    const filters = encodeURIComponent(JSON.stringify({ label: [`crewtab.run=${id}`] }));
    const list = JSON.parse(await engine.call({ path: `/containers/json?all=1&filters=${filters}` })) as {
      Id: string;
    }[];
    expect(list).toHaveLength(1);
    const shown = list.map(async ({ Id }) => [
      await engine.call({ path: `/containers/${Id}/json` }),
      await engine.call({ path: `/containers/${Id}/top` }),
    ]);
    return JSON.stringify([list, await Promise.all(shown)]);
  }

  /** Every table whole. */
  async function dumpDatabase(): Promise<string> {
    const tables = await crewtab.sql<{ name: string }>(
      `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'`,
    );
    const rows: string[] = [];
    for (const { name } of tables)
      for (const { row } of await crewtab.sql<{ row: string }>(`SELECT to_jsonb(t)::text AS row FROM "${name}" t`))
        rows.push(row, plain(JSON.parse(row)));
    return rows.join('\n');
  }

  async function dumpRedis(): Promise<string> {
    const redis = new Redis(crewtab.redis.url);
    try {
      const values: unknown[] = [];
      for (const key of await redis.keys('*'))
        values.push(key, (await redis.dumpBuffer(key))?.toString('latin1'), await read(redis, key));
      return JSON.stringify(values);
    } finally {
      redis.disconnect();
    }
  }

  async function get(path: string): Promise<string> {
    const answer = await fetch(`${crewtab.api.baseUrl}${path}`, { headers: { authorization: authorization() } });
    const text = await answer.text();
    expect(`${path} ${answer.status}`).toBe(`${path} 200`);
    return text.startsWith('{') ? `${text}\n${plain(JSON.parse(text))}` : text;
  }

  async function sinks({ id, scheduleId, teamDeploymentId }: Run): Promise<Record<string, string>> {
    const asked = [
      ...['', '/messages?limit=100', '/neighbours', '/export?format=json', '/export?format=markdown'].map(
        (path) => `/api/v1/runs/${id}${path}`,
      ),
      ...[`/api/v1/runs`, `/api/v1/schedules/${scheduleId}/runs`, `/api/v1/deployments/${teamDeploymentId}`],
      ...['/api/v1/overview', '/api/v1/teams', '/api/v1/secrets', '/api/v1/secrets/canary', '/api/v1/system'],
      ...['/metrics', '/queues/api/queues?page=1&jobsPerPage=100&activeQueue=runs'],
    ];
    const answers = await Promise.all(asked.map(async (path) => [path, await get(path)] as const));
    const logs = [...crewtab.workers, ...crewtab.schedulers].map(
      ({ name, lines }) => [name, lines.join('\n')] as const,
    );
    return {
      ...Object.fromEntries([...answers, ...logs]),
      conversation: (await crewtab.api.messages(id)).map(plain).join('\n'),
      events: events.join(''),
      database: await dumpDatabase(),
      Redis: await dumpRedis(),
    };
  }

  it.each([
    [
      'that succeeds',
      succeeds,
      { status: 'success', result: expect.stringContaining('in the end [secret:canary]') as string },
    ],
    [
      'that fails with it',
      fails,
      { status: 'failed', error: { message: expect.stringContaining('refused [secret:canary]') as string } },
    ],
  ])('of a run %s is in no place, whatever its agent says', async (_how, turn, outcome) => {
    const started = await start(turn);
    const run = await crewtab.api.untilRun(started.id, ({ phase }) => phase === 'monitoring');
    const seen = await crewtab.sql<{ secrets: string }>('SELECT secrets::text FROM schedule_runs WHERE id = $1', [
      run.id,
    ]);
    expect(seen[0]?.secrets).toContain('"canary": "v2:');
    expect(findIn('docker inspect', await containersOf(run))).toEqual([]);
    const { run: ended, said } = await endRun(crewtab, run);
    expect(ended).toMatchObject(outcome);
    expect(said).toContain('has it: true');
    expect(said).toContain('look');
    await eventually(() => expect(events.join('')).toContain('[secret:canary]'));
    const all = await sinks(ended);
    expect(all['database']).toContain('[secret:canary]');
    expect(Object.entries(all).flatMap(([place, text]) => findIn(place, text))).toEqual([]);
    expect(await crewtab.sql('SELECT id FROM schedule_runs WHERE secrets IS NOT NULL')).toEqual([]);
  });

  it('of a plain program is in no place either', async () => {
    const { api } = crewtab;
    const source = `const value = process.env.CANARY; const forms = ${FORMS};
      for (const form of forms) { console.log('out ' + form); console.error('err ' + form); }
      console.log(value.slice(0, 20)); console.error('it ends with ' + value); process.exit(3);`;
    const program = { protocol: 'command' as const, command: ['node', '-e', source] };
    const leader = { ...crewtab.leader(program), secrets: { CANARY: 'canary' } };
    const team = await api.createTeam({ name: 'Plain', agents: [leader] });
    const schedule = await api.createSchedule({ teamId: team.id, name: 'plain', prompt: 'Tell.', cron: NEVER });
    const { run } = await endRun(crewtab, await api.trigger(schedule.id));
    expect(run).toMatchObject({
      status: 'failed',
      error: { message: expect.stringContaining('it ends with [secret:canary]') as string },
    });
    const all = await sinks(run);
    expect(Object.entries(all).flatMap(([place, text]) => findIn(place, text))).toEqual([]);
  });
});

/** All strings of a value, decoded. */
function plain(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.entries(value)
    .map(([key, inner]) => `${key} ${plain(inner)}`)
    .join('\n');
}

async function read(redis: Redis, key: string): Promise<unknown> {
  switch (await redis.type(key)) {
    case 'hash':
      return redis.hgetall(key);
    case 'list':
      return redis.lrange(key, '0', '-1');
    case 'set':
      return redis.smembers(key);
    case 'zset':
      return redis.zrange(key, '0', '-1');
    case 'stream':
      return redis.xrange(key, '-', '+');
    default:
      return redis.get(key);
  }
}
