import { describeWithDocker } from '../kit/services/docker';
import { saidIn, type Message, type Run } from '../kit/client';
import { Crewtab, SHUTDOWN_LIMIT_MS } from './support/crewtab';
import { promptsAtAgent, RECORDING, SAY_PROMPTS } from './support/recorded-prompts';

jest.setTimeout(120_000);

/** Starts a run that counts at a steady pace. Resolves when a few numbers are stored. */
async function startCounting(crewtab: Crewtab, prompt: string): Promise<Run> {
  const { api } = crewtab;
  const team = await api.createTeam({ name: 'Counters', agents: [crewtab.leader({ env: RECORDING })] });
  const { id } = await api.createSchedule({ teamId: team.id, name: 'x', prompt, cron: '0 0 1 1 *' });
  const run = await api.trigger(id);
  return api.untilRun(run.id, async () => saidIn(await api.messages(run.id)).includes('chunk 20\n'));
}

async function expectWhole(crewtab: Crewtab, run: Run, prompt: string, chunks: number): Promise<void> {
  expect(run).toMatchObject({ status: 'success', error: null, teardown: { containers: 1, volumes: 1 } });
  const messages: Message[] = await crewtab.api.messages(run.id);
  expect(messages.map(({ seq }) => seq)).toEqual(messages.map((_, index) => index + 1));
  expect(messages.filter(({ kind }) => kind === 'prompt')).toHaveLength(1);
  expect(promptsAtAgent(messages)).toEqual([prompt]);
  const counted = [...saidIn(messages).matchAll(/chunk (\d+)\n/g)].map(([, number]) => Number(number));
  expect(counted).toEqual(Array.from({ length: chunks }, (_, index) => index + 1));
  expect(await crewtab.leftovers()).toEqual([]);
}

describeWithDocker('a run outlives its worker', () => {
  let crewtab: Crewtab | undefined;

  afterEach(async () => {
    await crewtab?.stop();
    crewtab = undefined;
  });

  it('kill -9 of the worker in the middle of a run: another one adopts it, and no worker prompts again', async () => {
    crewtab = await Crewtab.start({ workers: 2 });
    const prompt = `stream 400 every 50ms\n${SAY_PROMPTS}`;
    const { id } = await startCounting(crewtab, prompt);
    const worker = await crewtab.workerOf(id);
    worker.kill('SIGKILL');
    expect(await worker.exited).toEqual({ code: null, signal: 'SIGKILL' });

    const [survivor] = crewtab.workers.filter(({ hasExited }) => !hasExited);
    await survivor?.waitForLine(new RegExp(`${id}.*adopting`), { timeoutMs: 90_000 });
    await expectWhole(crewtab, await crewtab.api.untilFinished(id), prompt, 400);
  });

  it('SIGTERM of the worker in the middle of a run: it ends in time, and the next one waits for no lease', async () => {
    // Only a lease that was released can be had before this one ends.
    crewtab = await Crewtab.start({ workers: 2, workerEnv: { WORKER_LEASE: '10m' } });
    const prompt = `stream 200 every 50ms\n${SAY_PROMPTS}`;
    const { id } = await startCounting(crewtab, prompt);
    const worker = await crewtab.workerOf(id);
    const askedAt = performance.now();
    worker.kill();
    expect(await worker.exited).toEqual({ code: 0, signal: null });
    expect(performance.now() - askedAt).toBeLessThan(SHUTDOWN_LIMIT_MS);
    expect((await crewtab.api.run(id)).status).toBe('running');

    const [survivor] = crewtab.workers.filter(({ hasExited }) => !hasExited);
    await survivor?.waitForLine(new RegExp(`${id}.*adopting`));
    await expectWhole(crewtab, await crewtab.api.untilFinished(id), prompt, 200);
  });
});
