import { describeWithDocker } from '../support/docker';
import { Crewtab } from './support/crewtab';
import { startDockerProxy, type DockerProxy } from './support/docker-proxy';

jest.setTimeout(120_000);

describeWithDocker('an engine that refuses to remove containers', () => {
  let proxy: DockerProxy;
  let crewtab: Crewtab;

  beforeAll(async () => {
    proxy = await startDockerProxy();
    crewtab = await Crewtab.start({ workerEnv: { DOCKER_HOST: proxy.dockerHost } });
  });

  afterAll(async () => {
    proxy.isRefusingRemovals = false;
    try {
      await (crewtab as Crewtab | undefined)?.stop();
    } finally {
      await proxy.close();
    }
  });

  it.each([
    { prompt: 'work 2s\nerror no more', during: 'failed', after: { status: 'failed', error: { code: 'agent_error' } } },
    { prompt: 'work 2s\nanswer fine', during: 'running', after: { status: 'success', error: null } },
  ])(
    'a run that is $during meanwhile: shown on it, and removed as soon as the engine lets go',
    async ({ prompt, during, after }) => {
      const { api } = crewtab;
      const team = await api.createTeam({ name: 'Sticky', agents: [crewtab.leader()] });
      const schedule = await api.createSchedule({ teamId: team.id, name: 'x', prompt, cron: '0 0 1 1 *' });
      const { id } = await api.trigger(schedule.id);
      await api.untilRun(id, ({ phase }) => phase === 'monitoring');
      proxy.isRefusingRemovals = true;

      const stuck = await api.untilRun(id, ({ teardownFailure }) => (teardownFailure?.attempts ?? 0) >= 2);
      expect(stuck).toMatchObject({ status: during, phase: 'tearing_down', teardown: null });
      expect(stuck.teardownFailure).toMatchObject({
        code: 'teardown_failed',
        message: expect.stringContaining(proxy.words),
      });
      expect(await crewtab.leftovers()).toContainEqual(expect.stringContaining('container /sticky-run-'));
      const said = (await api.messages(id)).filter(({ kind }) => kind === 'system').map(({ content }) => content.text);
      expect(said).toContainEqual(expect.stringContaining(proxy.words));
      expect(crewtab.workers[0]?.lines).toContainEqual(expect.stringContaining('teardown failed'));

      proxy.isRefusingRemovals = false;
      const run = await api.untilFinished(id);
      expect(run).toMatchObject({ ...after, teardown: { containers: 1, volumes: 1 }, teardownFailure: null });
      expect(await crewtab.leftovers()).toEqual([]);
    },
  );
});
