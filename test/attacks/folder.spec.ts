import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Crewtab, SHUTDOWN_LIMIT_MS } from '../e2e/support/crewtab';
import { saidIn, type Run } from '../kit/client';
import { describeWithDocker } from '../kit/services/docker';
import { startDockerProxy, type DockerProxy } from '../kit/services/docker-proxy';
import { endRun, SHARED_USER, shell, startRun } from './support/hostile-run';

/** libuv's threads. */
const THREADS = 4;

jest.setTimeout(180_000);

describeWithDocker('the folder of a run that agent and worker share', () => {
  let proxy: DockerProxy;
  let crewtab: Crewtab | undefined;

  beforeAll(async () => {
    proxy = await startDockerProxy(SHARED_USER.workerUserId);
  });

  afterEach(async () => {
    await crewtab?.stop();
    crewtab = undefined;
  });

  afterAll(() => proxy.close());

  const start = (): Promise<Crewtab> =>
    Crewtab.start({ ...SHARED_USER, workerEnv: { DOCKER_HOST: proxy.dockerHost, WORKER_LEASE: '3s' } });

  it('takes nothing from an agent, and leads to its tools all the same', async () => {
    crewtab = await start();
    const attack = shell(`
      cd /run/crewtab
      rm -f run; mkfifo run
      rm -f team.sock; rm -f team-bridge.js; mkfifo team-bridge.js
      mkdir x && touch x/y && chmod 0 x
      chmod 777 .
      echo x > new-file
      id -u
      ls`);
    const hostile = await Promise.all(
      Array.from({ length: THREADS }, () =>
        startRun(crewtab as Crewtab, `${attack}\ndelegate helper: answer still here`),
      ),
    );
    const ended = await Promise.all(hostile.map((run) => endRun(crewtab as Crewtab, run)));
    for (const { run, said } of ended) {
      expect(run).toMatchObject({ status: 'success', error: null, teardown: { containers: 2, volumes: 1 } });
      expect(said).toContain('Read-only file system');
      expect(said).toContain('helper says: still here');
      expect(said).not.toContain('new-file\n');
    }
    // Its reaper has looked at the folders since, and is not held by one of them.
    const harmless = await endRun(crewtab, await startRun(crewtab, 'answer well'));
    expect(harmless.run.status).toBe('success');
    await expectOrderlyEnd(crewtab);
    expect(leftIn(crewtab)).toEqual([]);
  });

  it('that an earlier version left writable and an agent has spoiled holds up neither start, adoption nor removal', async () => {
    crewtab = await start();
    const { api } = crewtab;
    const runs: Run[] = [];
    for (let count = 0; count < THREADS; count++)
      runs.push(await startRun(crewtab, 'answer begun\nwork 20s\ndelegate helper: answer still here'));
    for (const { id } of runs) await api.untilRun(id, async () => saidIn(await api.messages(id)).includes('begun'));
    for (const worker of crewtab.workers) {
      worker.kill('SIGKILL');
      await worker.exited;
    }
    for (const { id } of runs) spoil(join(crewtab.dataDir, 'team', id.replaceAll('-', '').slice(-16)), id);
    // Of no run that Postgres knows.
    spoil(join(crewtab.dataDir, 'team', '0123456789abcdef'), 'x');
    await crewtab.startWorker();
    for (const run of runs) {
      const { run: ended, said } = await endRun(crewtab, run);
      expect(ended).toMatchObject({ status: 'success', error: null, teardown: { containers: 2, volumes: 1 } });
      expect(said).toContain('helper says: still here');
    }
    await expectOrderlyEnd(crewtab);
    expect(leftIn(crewtab)).toEqual(['0123456789abcdef']);
  });
});

/** What an agent could do to it in a version that mounted it writable, with a file `run` beside the socket. */
function spoil(folder: string, runId: string): void {
  const user = SHARED_USER.workerUserId;
  const script = `
    mkdir -p "$0" && cd "$0" || exit 1
    rm -rf run team.sock team-bridge.js
    mkfifo run team-bridge.js
    mkdir team.sock && touch team.sock/x && chmod 0 team.sock
    ln -s /etc/hosts "$(printf 'a\\nlink')"
    mkdir -p x/y && touch x/y/z && chmod 0 x/y x
    chmod 555 .`;
  execFileSync('sh', ['-c', script, folder, runId], user === undefined ? {} : { uid: user, gid: user });
}

async function expectOrderlyEnd(crewtab: Crewtab): Promise<void> {
  const worker = crewtab.workers.find(({ hasExited }) => !hasExited);
  const askedAt = performance.now();
  worker?.kill();
  expect(await worker?.exited).toEqual({ code: 0, signal: null });
  expect(performance.now() - askedAt).toBeLessThan(SHUTDOWN_LIMIT_MS);
}

/** Folders of runs that are over. */
function leftIn({ dataDir }: Crewtab): string[] {
  return readdirSync(join(dataDir, 'team')).filter((name) => name !== 'runs');
}
