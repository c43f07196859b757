import { createServer } from 'node:http';
import { rm, stat } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { findFreePort } from '../../libs/local-services/free-port';
import { describeWithDocker, dockerEngine, dockerHost } from '../kit/services/docker';
import { makeServiceFolder } from '../kit/services/test-services';
import { eventually } from '../kit/wait-for';
import { processesOf, Start } from './support/npm-start';

describe('npm start', () => {
  let folder: string;
  let env: NodeJS.ProcessEnv;

  beforeEach(async () => {
    folder = await makeServiceFolder();
    env = {
      CREWTAB_DATA_DIR: join(folder, 'data'),
      PORT: String(await findFreePort()),
      DATABASE_URL: '',
      REDIS_URL: '',
      CREWTAB_API_KEY: '',
    };
  });

  afterEach(async () => {
    await eventually(async () => expect(await processesOf(folder)).toEqual([]), { timeoutMs: 60_000 });
    await rm(folder, { recursive: true, force: true });
  });

  it('runs the demo as child processes and ends with its success, then finds its data again', async () => {
    for (const isFirst of [true, false]) {
      const start = new Start(['--once'], { ...env, CREWTAB_RUNTIME: 'process' });
      expect([await start.exited, start.output]).toEqual([0, expect.stringContaining('# Report: harbour-lights')]);
      expect(start.output).toContain('NOT isolated');
      expect(start.output).toMatch(/✓ removed 2 processes, 1 directory; verified clean at /);
      expect(await stat(join(folder, 'data/api-key'))).toMatchObject({ mode: 0o100600 });
      if (isFirst) expect(start.output).toContain('triggering the schedule "Morning report"');
    }
  }, 240_000);

  it('stops all it started at Ctrl-C, agents at work included', async () => {
    const start = new Start([], { ...env, CREWTAB_RUNTIME: 'process' });
    await start.saw('→ lead: report');
    start.kill('SIGINT');
    expect([await start.exited, start.output]).toEqual([
      130,
      expect.stringContaining('ending the run that is under way'),
    ]);
  }, 180_000);

  it('says in one line that the port is busy, and how to repair it', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((done) => server.once('listening', done));
    const { port } = server.address() as AddressInfo;
    const start = new Start(['--once'], { ...env, PORT: String(port) });
    expect(await start.exited).toBe(1);
    expect(start.output).toContain(`✗ port ${port} is already in use`);
    expect(start.output).toContain(`PORT=${port + 1} npm start`);
    server.close();
  }, 60_000);

  it('refuses what it does not know', async () => {
    const start = new Start(['--bogus'], env);
    expect(await start.exited).toBe(1);
    expect(start.output).toContain("✗ Unknown option '--bogus'");
  }, 60_000);
});

describeWithDocker('npm start with an engine', () => {
  it('runs the demo in containers and leaves none', async () => {
    const folder = await makeServiceFolder();
    const env = {
      CREWTAB_DATA_DIR: join(folder, 'data'),
      PORT: String(await findFreePort()),
      DATABASE_URL: '',
      REDIS_URL: '',
      DOCKER_HOST: dockerHost(),
    };
    const start = new Start(['--once'], env);
    expect([await start.exited, start.output]).toEqual([0, expect.stringContaining('# Report: harbour-lights')]);
    const name = /deploying (\S+)/.exec(start.output)?.[1] ?? '';
    expect(name).toMatch(/^demo-team-run-[0-9a-f]{6}$/);
    expect(start.output).toContain(`lead started as ${name}-lead`);
    expect(await containersNamed(name)).toEqual([]);
    await rm(folder, { recursive: true, force: true });
  }, 240_000);
});

async function containersNamed(name: string): Promise<unknown[]> {
  const filters = encodeURIComponent(JSON.stringify({ name: [name] }));
  return JSON.parse(await dockerEngine().call({ path: `/containers/json?all=1&filters=${filters}` })) as unknown[];
}
