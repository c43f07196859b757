import { describeWithDocker } from '../kit/services/docker';
import { saidIn, type AgentInput, type Message, type Run, type Schedule } from '../kit/client';
import { Crewtab } from './support/crewtab';
import { LIFE_CASES, type LifeCase } from './support/life-cases';
import { promptsAtAgent, RECORDING, SAY_PROMPTS } from './support/recorded-prompts';

const STATUS_AFTER = { success: 'idle', failed: 'error', timeout: 'error', cancelled: 'idle' } as const;
const NEVER = '0 0 1 1 *';

jest.setTimeout(120_000);

interface Ended {
  readonly run: Run;
  readonly schedule: Schedule;
  readonly messages: readonly Message[];
}

describeWithDocker('the life of a run, on real containers', () => {
  let crewtab: Crewtab;
  const cases = new Map<string, Promise<Ended>>();

  beforeAll(async () => {
    // The limits are long enough for a busy machine and short enough to wait for.
    const workerEnv = { AGENT_HANDSHAKE_TIMEOUT: '20s', AGENT_INPUT_TIMEOUT: '25s', WORKER_CONCURRENCY: '40' };
    crewtab = await Crewtab.start({ workerEnv });
    for (const [name, life] of Object.entries(LIFE_CASES)) {
      // Started one after the other, so that a busy machine is not asked for all at the same moment.
      const started = start(life.prompt, life.leader, life.timeout);
      const ended = started.then((run) => live(run, life));
      ended.catch(() => undefined); // shown by the test of that name
      cases.set(name, ended);
      await started.catch(() => undefined);
    }
  });

  afterAll(() => (crewtab as Crewtab | undefined)?.stop());

  const start = async (prompt: string, leader: Partial<AgentInput> = {}, timeout = '5m'): Promise<Run> => {
    const { api } = crewtab;
    const team = await api.createTeam({ name: 'Night shift', agents: [crewtab.leader(leader)] });
    const schedule = await api.createSchedule({ teamId: team.id, name: 'x', prompt, cron: NEVER, timeout });
    return api.trigger(schedule.id);
  };

  const end = async ({ id, scheduleId }: Run): Promise<Ended> => {
    const run = await crewtab.api.untilFinished(id);
    const [schedule, messages] = await Promise.all([crewtab.api.schedule(scheduleId ?? ''), crewtab.api.messages(id)]);
    return { run, schedule, messages };
  };

  const live = async (run: Run, { during }: LifeCase): Promise<Ended> => {
    await during?.(run, crewtab.api);
    return end(run);
  };

  it.each(Object.entries(LIFE_CASES))('%s', async (name, life) => {
    const { run, schedule, messages } = await (cases.get(name) as Promise<Ended>);
    expect({ status: run.status, code: run.error?.code, message: run.error?.message }).toEqual({
      status: life.status,
      code: life.code === null ? undefined : expect.stringMatching(life.code),
      message: expect.stringMatching(life.says ?? /./),
    });
    expect(run.result).toBeNull();
    expect(run.finishedAt).not.toBeNull();
    expect(run.teardown).toMatchObject({ containers: life.containers, verifiedAt: expect.any(String) });
    expect(schedule.status).toBe(STATUS_AFTER[life.status]);
    const prompts = messages.filter(({ kind }) => kind === 'prompt').length;
    if (life.isPrompted === null) expect([0, 1]).toContain(prompts);
    else expect(prompts).toBe(life.isPrompted ? 1 : 0);
    expectInOrder(messages);
  });

  it('ends in success: the result, the receipt, the conversation from the prompt on', async () => {
    const prompt = `think about it\nanswer forty-two\n${SAY_PROMPTS}`;
    const { run, schedule, messages } = await end(await start(prompt, { env: RECORDING }));
    expect(run).toMatchObject({ status: 'success', error: null, teardownFailure: null, trigger: 'manual' });
    expect(run.result).toContain('forty-two');
    expect(run.teardown).toMatchObject({ containers: 1, volumes: 1 });
    expect(schedule.status).toBe('idle');
    expect(messages[0]).toMatchObject({ kind: 'prompt', agent: 'lead', content: { text: prompt } });
    expect(promptsAtAgent(messages)).toHaveLength(1);
    expectInOrder(messages);
    const deployment = await crewtab.api.deployment(run.teamDeploymentId ?? '');
    expect(deployment.name).toBe(`night-shift-run-${run.id.slice(-6)}`);
  });

  it('a plain program: the prompt on stdin, the answer on stdout', async () => {
    const command = ['node', '/opt/crewtab-demo/demo-agent.js', '--command'];
    const { run, messages } = await end(await start('answer on paper', { protocol: 'command', command }));
    expect(run).toMatchObject({ status: 'success', result: 'on paper' });
    expect(messages[0]).toMatchObject({ kind: 'prompt' });
  });

  it('a team of two: the leader delegates, and what it delegated is part of the conversation', async () => {
    const { api } = crewtab;
    const helper: AgentInput = { ...crewtab.leader(), name: 'helper', role: 'worker' };
    const team = await api.createTeam({ name: 'Pair', agents: [crewtab.leader(), helper] });
    const prompt = 'delegate helper: answer from the helper';
    const { id } = await api.createSchedule({ teamId: team.id, name: 'x', prompt, cron: NEVER });
    const { run, messages } = await end(await api.trigger(id));
    expect(run).toMatchObject({ status: 'success', teardown: { containers: 2 } });
    expect(run.result).toContain('helper says: from the helper');
    expect(messages.map(({ kind }) => kind)).toContain('delegation');
    expectInOrder(messages);
  });

  it('a line of 8 MB and a flood of 2000 chunks arrive whole and in order', async () => {
    const [line, stream] = await Promise.all([end(await start('line 8MB')), end(await start('stream 2000'))]);
    expect([line.run.status, stream.run.status]).toEqual(['success', 'success']);
    // Not compared with toBe: Jest would print both.
    expect(saidIn(line.messages) === numbersUpTo(8 * 1024 * 1024)).toBe(true);
    const wanted = Array.from({ length: 2_000 }, (_, index) => `chunk ${index + 1}\n`).join('');
    expect(saidIn(stream.messages)).toBe(wanted);
    expectInOrder(stream.messages);
  });

  it.each([
    { during: 'deploying', env: { DEMO_HANDSHAKE_DELAY_MS: '4000' } as Record<string, string> },
    { during: 'monitoring', env: RECORDING },
  ])('keeps what it started with when its team and schedule are edited and deleted while $during', async (when) => {
    const { api } = crewtab;
    const prompt = 'stream 200 every 20ms';
    const started = await start(prompt, { env: when.env });
    await api.untilRun(started.id, ({ phase }) => phase === when.during);
    const other = [crewtab.leader({ name: 'other', command: ['/no/such/program'] })];
    await api.request('PATCH /teams/:id', { params: { id: started.teamId }, body: { name: 'Renamed', agents: other } });
    await api.request('PATCH /schedules/:id', { params: { id: started.scheduleId ?? '' }, body: { prompt: 'refuse' } });
    const deleteTeam = () => api.request('DELETE /teams/:id', { params: { id: started.teamId } });
    await expect(deleteTeam()).rejects.toMatchObject({ status: 409, code: 'team_in_use' });
    await api.request('DELETE /schedules/:id', { params: { id: started.scheduleId ?? '' } });
    await deleteTeam();
    expect(await api.run(started.id)).toMatchObject({ status: 'running', phase: when.during });
    const run = await api.untilFinished(started.id);
    expect(run).toMatchObject({ status: 'success', teamName: 'Night shift', prompt });
    expect(saidIn(await api.messages(run.id))).toContain('chunk 200\n');
  });

  it('writes a warning for each deadline that passed, and leaves nothing on the engine', async () => {
    const timeouts = (await Promise.all(cases.values())).filter(({ run }) => run.status === 'timeout');
    for (const { run } of timeouts) {
      const [worker] = crewtab.workers;
      // 40 is pino's level "warn".
      expect(worker?.lines.find((line) => line.includes(run.id) && line.includes('deadline passed'))).toMatch(
        /"level":(40|"warn")/,
      );
    }
    expect(await crewtab.leftovers()).toEqual([]);
  });
});

function expectInOrder(messages: readonly Message[]): void {
  expect(messages.map(({ seq }) => seq)).toEqual(messages.map((_, index) => index + 1));
}

/** The text of the demo agent's `line`: `0000000,0000001,…`, cut at that many bytes. */
function numbersUpTo(bytes: number): string {
  const count = Math.ceil(bytes / 8);
  return Array.from({ length: count }, (_, index) => `${String(index).padStart(7, '0')},`)
    .join('')
    .slice(0, bytes);
}
