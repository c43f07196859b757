import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ProcessRuntime } from '@crewtab/runtime-process/process-runtime';
import { shellCommand } from '../../contracts/runtime/behaviours';
import { ContractFixture } from '../../contracts/runtime/contract-fixture';

const MORE_THAN_A_PIPE = 'x'.repeat(1024 * 1024);

describe('an agent that does not read its input', () => {
  let fixture: ContractFixture;

  beforeEach(async () => {
    const rootDir = await mkdtemp(join(tmpdir(), 'crewtab-process-'));
    const make = (): ProcessRuntime =>
      new ProcessRuntime({ rootDir, searchPath: process.env['PATH'] ?? '/usr/bin:/bin', inputTimeoutMs: 500 });
    fixture = new ContractFixture({
      runtime: make(),
      anotherWorker: make,
      program: (behaviour) => ({ image: null, command: shellCommand(behaviour) }),
      agentKind: 'process',
      network: { kind: 'open', hasOwnBridge: false },
      lookAlike: () => null,
      dispose: () => rm(rootDir, { recursive: true }),
    });
  });

  afterEach(() => fixture.dispose(), 60_000);

  it('makes a write that it must take part in fail once nothing was taken for so long', async () => {
    const { handle } = await fixture.started({ does: 'ignoreSigterm' });
    const reader = await fixture.read(handle);
    await reader.until('ready');
    await expect(reader.channel.write(MORE_THAN_A_PIPE)).rejects.toMatchObject({
      code: 'engine_unreachable',
      message: 'the agent did not read what was written to it within 0.5 s',
    });
  }, 60_000);
});
