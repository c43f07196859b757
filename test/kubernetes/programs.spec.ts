import { ContractFixture } from '../contracts/runtime/contract-fixture';
import { agentCommand, AGENT_IMAGE, describeWithCluster, makeRuntime } from './cluster';

const LARGE_BYTES = 20_000_000;

describeWithCluster('a program in a pod of its own', (namespace) => {
  it("finds the run's files, and leaves there what it changed", async () => {
    const make = () => makeRuntime(namespace());
    const fixture = new ContractFixture({
      runtime: make(),
      anotherWorker: make,
      program: (behaviour) => ({ image: AGENT_IMAGE, command: agentCommand(behaviour) }),
      agentKind: 'container',
      network: { kind: 'open', hasOwnBridge: false },
      lookAlike: () => null,
    });
    try {
      const deployment = await fixture.prepared({ agents: [fixture.agent('solo', { does: 'echo' })] });
      await fixture.runtime.putFiles(deployment, [
        { path: 'a/note', content: Buffer.from('one\n'), mode: 0o640 },
        { path: 'large', content: Buffer.alloc(LARGE_BYTES, 'x'), mode: 0o600 },
      ]);
      const script = 'echo $SECRET >> a/note; cat large large > larger; echo done';
      const command = ['/bin/sh', '-c', script];
      const program = { ...fixture.program({ does: 'exit', code: 0 }), command, env: { SECRET: 'two' } };
      const result = await fixture.runtime.runProgram(deployment, program, new AbortController().signal);
      expect(result).toEqual({ end: 'exited', exitCode: 0, output: 'done\n' });
      const found = new Map<string, { size: number; mode: number; text: string }>();
      for await (const { path, size, mode, content } of fixture.runtime.readFiles(deployment, '')) {
        const chunks: Uint8Array[] = [];
        if (size < 100) for await (const chunk of content) chunks.push(chunk);
        found.set(path, { size, mode, text: Buffer.concat(chunks).toString('utf8') });
      }
      expect(found.get('a/note')).toEqual({ size: 8, mode: 0o640, text: 'one\ntwo\n' });
      expect(found.get('larger')?.size).toBe(2 * LARGE_BYTES);
    } finally {
      await fixture.dispose();
    }
  }, 120_000);
});
