import { DEFAULT_LEASE_MS } from '@crewtab/domain/ports/run-store';
import { WORKS } from '../chaos/load/workload';
import { Crewtab } from '../e2e/support/crewtab';
import { saidIn, type AgentInput, type Run } from '../kit/client';
import { describeWithDocker } from '../kit/services/docker';
import type { StartedProcess } from '../kit/processes';
import { figuresOf, WITH_FIGURES } from './support/app-figures';
import { delegating, rawAgent } from './support/raw-agent';

jest.setTimeout(240_000);

const MB = 1024 * 1024;
/** Of a worker, MiB: its heap is far below what Node allows by default. */
const HEAP_MIB = 256;
/** All memory that such a worker ever took, MiB. Seen: 263. */
const MOST_MEMORY_MIB = 600;
/** Beyond it a worker would lose the runs of others: the lease of a run. */
const LONGEST_STOP_MS = DEFAULT_LEASE_MS;
const UPDATE = '{"jsonrpc":"2.0","method":"session/update","params":{"update":{"x":[';

const ATTACKS: readonly [name: string, code: string, turn: string][] = [
  ['a line of 40 MB', 'line_limit', `text('before'); flood('[' , 1); flood('1,', ${40 * MB}); flood('1]\\n', 3)`],
  [
    'a line of a million messages',
    'batch_limit',
    `text('before'); flood('[' , 1); flood('1,', ${2 * MB}); flood('1]\\n', 3)`,
  ],
  ['a line of brackets', 'json_limit', `text('before'); flood('[', ${15 * MB}); flood('\\n', 1)`],
  [
    'a line of five million objects',
    'json_limit',
    `text('before'); flood('${UPDATE}', ${UPDATE.length}); flood('{},', ${15 * MB}); flood('1]}}}\\n', 6)`,
  ],
  [
    'lines without end',
    'message_limit',
    `text('before'); const more = () => { flood('{}\\n', 65536 * 3); setImmediate(more); }; more()`,
  ],
];

describeWithDocker('the output of a hostile agent', () => {
  let crewtab: Crewtab | undefined;

  afterEach(async () => {
    await crewtab?.stop();
    crewtab = undefined;
  });

  const start = (): Promise<Crewtab> =>
    Crewtab.start({
      workerEnv: { NODE_OPTIONS: `--max-old-space-size=${HEAP_MIB} ${WITH_FIGURES}`, RUN_MESSAGE_LIMIT: '20000' },
    });

  async function trigger(
    leader: Partial<AgentInput>,
    prompt: string,
    helper: Partial<AgentInput>[] = [],
  ): Promise<Run> {
    const { api, leader: member } = crewtab as Crewtab;
    const agents = [
      member.call(crewtab, leader),
      ...helper.map((fields) => ({ ...member.call(crewtab, fields), name: 'helper', role: 'worker' as const })),
    ];
    const team = await api.createTeam({ name: 'Hostile', agents });
    const { id } = await api.createSchedule({ teamId: team.id, name: 'x', prompt, cron: '0 0 1 1 *', timeout: '3m' });
    return api.trigger(id);
  }

  it('ends its own run, with a code that says why, and no other', async () => {
    crewtab = await start();
    const { api } = crewtab;
    const harmless = await trigger({}, 'stream 300 every 50ms');
    const runs = await Promise.all(ATTACKS.map(([, , turn]) => trigger(rawAgent(turn), 'go')));
    for (const [index, { id }] of runs.entries()) {
      const [name, code] = ATTACKS[index] ?? [];
      const run = await api.untilFinished(id, 120_000);
      expect([name, run.status, run.error?.code]).toEqual([name, 'failed', code]);
      console.log(JSON.stringify({ name, seconds: secondsOf(run) }));
      expect(
        saidIn((await api.request('GET /runs/:id/messages', { params: { id }, query: { limit: 10 } })).items as never),
      ).toContain('before');
    }
    const ended = await api.untilFinished(harmless.id);
    expect(ended.status).toBe('success');
    expect([...saidIn(await api.messages(harmless.id)).matchAll(/chunk (\d+)\n/g)]).toHaveLength(300);
    const [worker] = crewtab.workers;
    await expectUnharmed(worker, 'output of five agents at once');
    expect(await storedMessages(crewtab, runs)).toBeLessThan(20_000 + 2_000 + 100);
  });

  it.each([
    ['long-line', 'line_limit'],
    ['large-batch', 'batch_limit'],
  ])('ends its run as the chaos plays it: %s', async (name, code) => {
    crewtab = await start();
    const prompt = WORKS.find((work) => work.name === name)?.prompt ?? '';
    const run = await crewtab.api.untilFinished((await trigger({}, prompt)).id);
    expect(run).toMatchObject({ status: 'failed', error: { code } });
    expect(saidIn(await crewtab.api.messages(run.id))).toContain('chunk 3');
  });

  it('ends the run at the worker that adopts it, which lives', async () => {
    crewtab = await start();
    const attacks = ATTACKS.slice(0, 2);
    const later = (turn: string): string => `text('begun'); setTimeout(() => { ${turn} }, 6000)`;
    const runs = await Promise.all(attacks.map(([, , turn]) => trigger(rawAgent(later(turn)), 'go')));
    for (const { id } of runs)
      await crewtab.api.untilRun(id, async () => saidIn(await (crewtab as Crewtab).api.messages(id)).includes('begun'));
    const [first] = crewtab.workers;
    first?.kill('SIGKILL');
    await first?.exited;
    const survivor = await crewtab.startWorker();
    for (const [index, { id }] of runs.entries()) {
      const run = await crewtab.api.untilFinished(id, 120_000);
      expect(run.error?.code).toBe(attacks[index]?.[1]);
    }
    await expectUnharmed(survivor, 'output that was adopted');
  });

  it('counts what it delegates', async () => {
    crewtab = await start();
    const helper = rawAgent('end()');
    const many = await trigger(rawAgent(delegating(200, 1_000_000, 8)), 'go', [helper]);
    const long = await trigger(rawAgent(delegating(3, 3_000_000, 1)), 'go', [helper]);
    const ended = await crewtab.api.untilFinished(many.id, 150_000);
    expect(ended).toMatchObject({ status: 'failed', error: { code: 'output_limit' } });
    const [stored] = await crewtab.sql<{ tasks: string }>(
      'SELECT count(*) AS tasks FROM delegations WHERE run_id = $1',
      [many.id],
    );
    expect(Number(stored?.tasks)).toBeLessThan(100 * 1.1);
    const refused = await crewtab.api.untilFinished(long.id);
    expect(refused.status).toBe('success');
    expect(saidIn(await crewtab.api.messages(long.id))).toMatch(/refused: "task" has 3000000 characters/);
    console.log(JSON.stringify({ name: '200 tasks of a megabyte', seconds: secondsOf(ended) }));
    await expectUnharmed(crewtab.workers[0], 'tasks');
  });
});

/** It runs, has lost no run, and never took much memory. */
async function expectUnharmed(worker: StartedProcess | undefined, what: string): Promise<void> {
  const figures = await figuresOf(worker);
  console.log(JSON.stringify({ what, ...figures }));
  expect(worker?.lines.filter((line) => /lost the claim|could not renew|does not come back/.test(line))).toEqual([]);
  expect(figures.peakMib).toBeLessThan(MOST_MEMORY_MIB);
  expect(figures.longestStopMs).toBeLessThan(LONGEST_STOP_MS);
}

/** From the begin of a run to its end. */
function secondsOf({ startedAt, finishedAt }: Run): number {
  return (Date.parse(finishedAt ?? '') - Date.parse(startedAt ?? '')) / 1_000;
}

async function storedMessages(crewtab: Crewtab, runs: readonly Run[]): Promise<number> {
  const rows = await crewtab.sql<{ most: number }>(
    'SELECT COALESCE(max(last_seq), 0) AS most FROM schedule_runs WHERE id = ANY($1)',
    [runs.map(({ id }) => id)],
  );
  return rows[0]?.most ?? 0;
}
