import { describeWithDocker } from '../kit/services/docker';
import type { Run } from '../kit/client';
import { Crewtab } from './support/crewtab';
import { startDockerProxy, type DockerProxy } from '../kit/services/docker-proxy';

/** Long enough to see a success waiting on a busy machine, short enough to wait for its end. */
const TEARDOWN_LIMIT = '15s';

jest.setTimeout(120_000);

describeWithDocker('an engine that refuses to remove what was made', () => {
  let proxy: DockerProxy;
  let crewtab: Crewtab;

  beforeAll(async () => {
    proxy = await startDockerProxy();
    crewtab = await Crewtab.start({ workerEnv: { DOCKER_HOST: proxy.dockerHost, TEARDOWN_LIMIT } });
  });

  afterEach(() => {
    proxy.refuseToRemove(null);
  });

  afterAll(async () => {
    try {
      await (crewtab as Crewtab | undefined)?.stop();
    } finally {
      await proxy.close();
    }
  });

  const start = async (prompt: string): Promise<Run> => {
    const { api } = crewtab;
    const team = await api.createTeam({ name: 'Sticky', agents: [crewtab.leader()] });
    const schedule = await api.createSchedule({ teamId: team.id, name: 'x', prompt, cron: '0 0 1 1 *' });
    return api.trigger(schedule.id);
  };

  const untilRefused = ({ id }: Run, attempts = 2): Promise<Run> =>
    crewtab.api.untilRun(id, ({ teardownFailure }) => (teardownFailure?.attempts ?? 0) >= attempts);

  // The first run of a worker looks into its image, through a container that is made and removed while deploying.
  it('the container that looks into an image is left to the teardown of the run, which goes on', async () => {
    proxy.refuseToRemove('containers');
    const { id } = await start('work 1s\nanswer fine');
    await crewtab.api.untilRun(id, ({ phase }) => phase === 'monitoring');
    expect(await crewtab.leftovers()).toContainEqual(expect.stringMatching(/container \/sticky-run-.*-probe-/));
    proxy.refuseToRemove(null);
    const run = await crewtab.api.untilFinished(id);
    expect(run).toMatchObject({ status: 'success', teardown: { containers: 2, volumes: 1 } });
    expect(await crewtab.leftovers()).toEqual([]);
  });

  it.each([
    { prompt: 'work 2s\nerror no more', during: 'failed', after: { status: 'failed', error: { code: 'agent_error' } } },
    { prompt: 'work 2s\nanswer fine', during: 'running', after: { status: 'success', error: null } },
  ])(
    'a run that is $during meanwhile: shown on it, and removed as soon as the engine allows it',
    async ({ prompt, during, after }) => {
      const { api } = crewtab;
      const started = await start(prompt);
      await api.untilRun(started.id, ({ phase }) => phase === 'monitoring');
      proxy.refuseToRemove('containers');

      const stuck = await untilRefused(started);
      expect(stuck).toMatchObject({ status: during, phase: 'tearing_down', teardown: null });
      // The outcome is decided: a cancel is refused, and changes nothing.
      await expect(api.cancel(started.id)).rejects.toMatchObject({ status: 409, code: 'conflict' });
      expect(stuck.teardownFailure).toMatchObject({
        code: 'teardown_failed',
        message: expect.stringContaining(proxy.words),
      });
      expect(await crewtab.leftovers()).toContainEqual(expect.stringContaining('container /sticky-run-'));
      const said = (await api.messages(started.id)).filter(({ kind }) => kind === 'system');
      expect(said.map(({ content }) => content.text)).toContainEqual(expect.stringContaining(proxy.words));
      expect(crewtab.workers[0]?.lines).toContainEqual(expect.stringContaining('teardown failed'));

      proxy.refuseToRemove(null);
      const run = await api.untilFinished(started.id);
      expect(run).toMatchObject({ ...after, teardown: { containers: 1, volumes: 1 }, teardownFailure: null });
      expect(await crewtab.leftovers()).toEqual([]);
    },
  );

  it('a success that cannot be removed in time becomes failed, keeps its result, and is removed all the same', async () => {
    const { api } = crewtab;
    proxy.refuseToRemove('volumes');
    const started = await start('answer fine');
    expect(await untilRefused(started, 1)).toMatchObject({ status: 'running', error: null });

    const failed = await api.untilRun(started.id, ({ status }) => status !== 'running' && status !== 'queued');
    expect(failed).toMatchObject({
      status: 'failed',
      phase: 'tearing_down',
      result: 'fine',
      error: { code: 'teardown_failed', message: expect.stringContaining(proxy.words) },
      finishedAt: expect.any(String),
      teardown: null,
    });
    expect((await api.schedule(started.scheduleId ?? '')).status).toBe('error');
    // Nor does it need its schedule and its team any more.
    await api.request('DELETE /schedules/:id', { params: { id: started.scheduleId ?? '' } });
    await api.request('DELETE /teams/:id', { params: { id: started.teamId } });
    const attempts = failed.teardownFailure?.attempts ?? 0;
    await untilRefused(started, attempts + 1);
    expect(await crewtab.leftovers()).toEqual([expect.stringContaining('volume sticky-run-')]);

    proxy.refuseToRemove(null);
    const run = await api.untilFinished(started.id);
    expect(run).toMatchObject({ status: 'failed', result: 'fine', error: failed.error, finishedAt: failed.finishedAt });
    expect(run.teardown).toMatchObject({ containers: 1, volumes: 1 });
    expect(await crewtab.leftovers()).toEqual([]);
  });
});
