import { endRun, SHARED_USER, shell, startRun } from '../attacks/support/hostile-run';
import { describeWithDocker } from '../kit/services/docker';
import { startDockerProxy, type DockerProxy } from '../kit/services/docker-proxy';
import { Crewtab } from './support/crewtab';

jest.setTimeout(90_000);

/** A few attacks at once; `npm run proof -- --only attacks` has all of them, each by itself. */
describeWithDocker('a hostile agent', () => {
  let proxy: DockerProxy;
  let crewtab: Crewtab;

  beforeAll(async () => {
    proxy = await startDockerProxy(SHARED_USER.workerUserId);
    crewtab = await Crewtab.start({ ...SHARED_USER, workerEnv: { DOCKER_HOST: proxy.dockerHost } });
  });

  afterAll(async () => {
    try {
      await (crewtab as Crewtab | undefined)?.stop();
    } finally {
      await proxy.close();
    }
  });

  it('spoils neither the folder that it shares with its worker, nor removal, nor the run of another', async () => {
    const attack = shell(`
      cd /run/crewtab; rm -f team.sock team-bridge.js; mkfifo run
      cd /workspace; mkdir x; touch x/y "$(printf 'a\\nb')"; chmod 0 x; ln -s / root
      kill -9 1; kill -STOP 1
      id -u`);
    const hostile = await startRun(crewtab, `${attack}\ndelegate helper: answer still here`);
    const harmless = await startRun(crewtab, 'delegate helper: answer well');
    const { run, said } = await endRun(crewtab, hostile);
    expect(run).toMatchObject({ status: 'success', error: null, teardown: { containers: 2, volumes: 1 } });
    expect(said).toContain('Read-only file system');
    expect(said).toContain('1000\n');
    expect(said).toContain('helper says: still here');
    expect((await endRun(crewtab, harmless)).said).toContain('helper says: well');
    expect(await crewtab.leftovers()).toEqual([]);
  });
});
