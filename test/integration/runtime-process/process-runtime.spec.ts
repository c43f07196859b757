import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ProcessRuntime } from '@crewtab/runtime-process/process-runtime';
import { shellCommand } from '../../contracts/runtime/behaviours';
import { runtimeContract } from '../../contracts/runtime/runtime-contract';

runtimeContract('ProcessRuntime', { oom: false }, async () => {
  const rootDir = await mkdtemp(join(tmpdir(), 'crewtab-process-'));
  const make = (): ProcessRuntime =>
    new ProcessRuntime({ rootDir, searchPath: process.env['PATH'] ?? '/usr/bin:/bin' });
  return {
    runtime: make(),
    anotherWorker: make,
    program: (behaviour) => ({ image: null, command: shellCommand(behaviour) }),
    agentKind: 'process',
    network: { kind: 'egress' },
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
