import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AgentProcess } from '@crewtab/domain/ports/runtime';
import { eventually } from '../../contracts/runtime/line-reader';
import { openEngineServer, type EngineServer } from '../../kit/servers/engine-server';
import { describeWithOwnEngines } from '../../kit/services/own-engine';
import { openLab, type DockerLab } from './docker-lab';

/** Not below /tmp, which may be an overlay itself: the engine cannot put overlays on one. */
const ROOT = '/var/tmp';

describeWithOwnEngines('an engine that is killed while agents run', () => {
  let folder = '';
  let engine: EngineServer;
  let lab: DockerLab;

  beforeAll(async () => {
    folder = await mkdtemp(join(ROOT, 'crewtab-test-engine-'));
    engine = await openEngineServer(folder, join(folder, 'dockerd.log'));
  }, 120_000);

  afterAll(async () => {
    await engine.stop();
    await rm(folder, { recursive: true, force: true });
  }, 120_000);

  afterEach(() => lab.fixture.dispose(), 60_000);

  /** A program that, after `ready` and whatever it says then, says `bye` and ends well when it finds a file, or is told to. */
  async function start(says = ':'): Promise<{ readonly handle: string; readonly pid: number }> {
    const script = `trap "echo bye; exit 0" TERM; echo ready; ${says}; while [ ! -e end ]; do sleep 0.05; done; echo bye`;
    const agent = { ...lab.fixture.agent('solo', { does: 'obeySigterm' }), command: ['/bin/sh', '-c', script] };
    const handle = await lab.fixture.ensure(await lab.fixture.prepared(), agent);
    await (await lab.fixture.read(handle)).until('ready');
    return { handle, pid: (await lab.docker.getContainer(handle).inspect()).State.Pid };
  }

  /** As this machine sees a file of the program, without the engine, which may be down. */
  const inWorkspace = (pid: number, name: string): string => `/proc/${pid}/root/workspace/${name}`;

  async function end(pid: number): Promise<void> {
    await writeFile(inWorkspace(pid, 'end'), '');
    await gone(pid);
  }

  const gone = (pid: number): Promise<void> => eventually('the program has ended', () => !existsSync(`/proc/${pid}`));

  async function ended(handle: string): Promise<AgentProcess> {
    await eventually(
      'the engine knows of the end',
      async () => (await lab.runtime.inspect(handle)).status === 'exited',
    );
    return lab.runtime.inspect(handle);
  }

  async function said(handle: string): Promise<string[]> {
    const reader = await lab.fixture.read(handle);
    await reader.toEnd();
    return reader.texts();
  }

  describe('under a guard', () => {
    beforeEach(async () => {
      lab = await openLab({ dockerHost: engine.dockerHost });
    }, 60_000);

    /** The engine has read what the agent said last, and not yet written it down: a line that goes on. */
    const tearing = 'printf "half a line, "; : >> half';

    async function startTorn(): Promise<{ readonly handle: string; readonly pid: number }> {
      const agent = await start(tearing);
      await eventually('the half is said', () => existsSync(inWorkspace(agent.pid, 'half')));
      return agent;
    }

    it.each([
      ['killed', () => engine.kill()],
      ['stopped in order', () => engine.shutDown()],
    ])(
      'loses no piece of a line when it is %s',
      async (_how, takeDown) => {
        const { handle, pid } = await startTorn();
        await takeDown();
        await engine.restart();
        const reader = await lab.fixture.read(handle);
        await reader.until('ready');
        await end(pid);
        expect(await ended(handle)).toMatchObject({ exitCode: 0, mayLackOutput: false });
        expect(await said(handle)).toEqual(['ready', 'half a line, bye']);
      },
      120_000,
    );

    it('has every word of a program that ended meanwhile, and vouches for its exit code', async () => {
      const { handle, pid } = await startTorn();
      await engine.kill();
      await end(pid);
      await engine.restart();
      expect(await ended(handle)).toMatchObject({ exitCode: 0, mayLackOutput: false });
      expect(await said(handle)).toEqual(['ready', 'half a line, bye']);
    }, 120_000);

    it('does not vouch for what was killed meanwhile with its guard', async () => {
      const { handle, pid } = await start();
      await engine.kill();
      process.kill(pid, 'SIGKILL');
      await gone(pid);
      await engine.restart();
      expect(await ended(handle)).toMatchObject({ mayLackOutput: true });
    }, 120_000);

    it('does not vouch for what was told to end meanwhile, though it ended well and every word is there', async () => {
      const { handle, pid } = await start();
      await engine.kill();
      process.kill(pid, 'SIGTERM');
      await gone(pid);
      await engine.restart();
      expect(await ended(handle)).toMatchObject({ exitCode: 0, mayLackOutput: true });
      expect(await said(handle)).toEqual(['ready', 'bye']);
    }, 120_000);
  });

  describe('without a guard', () => {
    beforeEach(async () => {
      lab = await openLab({ dockerHost: engine.dockerHost, guardFolder: null });
    }, 60_000);

    it('does not vouch for the output of a program that ended meanwhile, though it says exit code 0', async () => {
      const { handle, pid } = await start();
      await engine.kill();
      await end(pid);
      await engine.restart();
      expect(await ended(handle)).toMatchObject({ exitCode: 0, mayLackOutput: true });
      // What this is about: no worker can read it any more.
      expect(await said(handle)).toEqual(['ready']);
    }, 120_000);

    it('vouches for what ends when it is back, with every word', async () => {
      const { handle, pid } = await start();
      await engine.kill();
      await engine.restart();
      // As a worker does whose streams broke.
      await lab.fixture.read(handle);
      await end(pid);
      expect(await ended(handle)).toMatchObject({ exitCode: 0, mayLackOutput: false });
      expect(await said(handle)).toEqual(['ready', 'bye']);
    }, 120_000);

    it('vouches for what ended as long as it was not killed, though it has forgotten all about it', async () => {
      const { handle, pid } = await start();
      await end(pid);
      await ended(handle);
      // Each leaves a word in the engine's memory, which holds 256.
      const other = await lab.docker.createContainer({ Image: lab.image, Cmd: ['true'] });
      try {
        for (let name = 0; name < 260; name++) await other.rename({ name: `${lab.fixture.installationId}-${name}` });
      } finally {
        await other.remove();
      }
      expect(await lab.runtime.inspect(handle)).toMatchObject({ exitCode: 0, mayLackOutput: false });
    }, 120_000);
  });
});
