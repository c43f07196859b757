import { describeWithDocker } from '../kit/services/docker';
import { Crewtab } from './support/crewtab';
import { promptsAtAgent, RECORDING, SAY_PROMPTS } from './support/recorded-prompts';

const RUNS = 20;
/** Per worker: together less than there are runs, so that both must take some and some must wait. */
const CONCURRENCY = 6;

jest.setTimeout(120_000);

describeWithDocker('many runs at once', () => {
  let crewtab: Crewtab;

  beforeAll(async () => {
    crewtab = await Crewtab.start({ workers: 2, workerEnv: { WORKER_CONCURRENCY: String(CONCURRENCY) } });
  });

  afterAll(() => (crewtab as Crewtab | undefined)?.stop());

  it(`shares ${RUNS} runs of one schedule among two workers; each is prompted once and ends well`, async () => {
    const { api } = crewtab;
    const team = await api.createTeam({ name: 'Crowd', agents: [crewtab.leader({ env: RECORDING })] });
    const prompt = `answer done\n${SAY_PROMPTS}`;
    const { id } = await api.createSchedule({ teamId: team.id, name: 'x', prompt, cron: '0 0 1 1 *' });
    const started = await Promise.all(Array.from({ length: RUNS }, () => api.trigger(id)));
    const runs = await Promise.all(started.map((run) => api.untilFinished(run.id)));

    expect(runs.map(({ status, error }) => [status, error])).toEqual(runs.map(() => ['success', null]));
    expect(runs.map(({ teardown }) => teardown?.containers)).toEqual(runs.map(() => 1));
    expect(new Set(runs.map(({ teamDeploymentId }) => teamDeploymentId)).size).toBe(RUNS);
    const conversations = await Promise.all(runs.map((run) => api.messages(run.id)));
    expect(conversations.map(promptsAtAgent)).toEqual(runs.map(() => [prompt]));
    expect(await crewtab.leftovers()).toEqual([]);
    expect(await api.schedule(id)).toMatchObject({ status: 'idle' });

    const begun = crewtab.workers.map(({ lines }) => lines.filter((line) => line.includes('run begun')).length);
    expect(begun.reduce((sum, count) => sum + count, 0)).toBe(RUNS);
    expect(Math.min(...begun)).toBeGreaterThan(0);
  });
});
