import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ProcessRuntime } from '@crewtab/runtime-process/process-runtime';
import { shellCommand } from '../../contracts/runtime/behaviours';
import { runtimeContract } from '../../contracts/runtime/runtime-contract';

runtimeContract('ProcessRuntime', { oom: false, stop: true }, async () => {
  const rootDir = await mkdtemp(join(tmpdir(), 'crewtab-process-'));
  const make = (): ProcessRuntime =>
    new ProcessRuntime({ rootDir, searchPath: process.env['PATH'] ?? '/usr/bin:/bin' });
  return {
    runtime: make(),
    anotherWorker: make,
    program: (behaviour) => ({ image: null, command: shellCommand(behaviour) }),
    agentKind: 'process',
    network: { kind: 'open', hasOwnBridge: false },
    lookAlike: async (deploymentName) => {
      const path = join(rootDir, 'runs', `${deploymentName}-other`);
      await mkdir(path, { recursive: true });
      await writeFile(join(path, 'mine'), 'mine');
      return {
        isIntact: async () => (await readFile(join(path, 'mine'), 'utf8')) === 'mine',
        remove: () => rm(path, { recursive: true }),
      };
    },
    dispose: () => rm(rootDir, { recursive: true }),
  };
});

describe('ProcessRuntime that may run one command only', () => {
  it('starts agents with it, and refuses every other', async () => {
    const rootDir = await mkdtemp(join(tmpdir(), 'crewtab-process-'));
    const onlyCommand = ['/bin/sh', '-c', 'exit 0'];
    const runtime = new ProcessRuntime({ rootDir, searchPath: '/usr/bin:/bin', onlyCommand });
    const options = { signal: new AbortController().signal, onProgress: () => undefined };
    const agent = { name: 'lead', image: null, env: {}, resources: {}, stdin: 'open', tools: null } as const;
    const deployment = {
      installationId: 'one',
      runId: 'run-1',
      name: 'one-run-1',
      epoch: 1,
      deadlineAt: new Date(Date.now() + 60_000),
      network: { kind: 'open', hasOwnBridge: false },
      agents: [],
    } as const;
    const start = (command: readonly string[] | null): Promise<unknown> =>
      runtime.ensureAgent(deployment, { ...agent, command }, options);
    try {
      for (const command of [['/bin/sh'], [...onlyCommand, 'x'], ['/bin/sh', '-c', 'exit 1']])
        await expect(start(command)).rejects.toMatchObject({ code: 'isolation_required', retryable: false });
      await expect(start(onlyCommand)).resolves.toMatchObject({ handle: expect.any(String) as string });
    } finally {
      await runtime.teardown('one', 'run-1', { graceMs: 0 });
      await runtime.close();
      await rm(rootDir, { recursive: true });
    }
  });
});
