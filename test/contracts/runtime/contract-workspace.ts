import { PROGRAM_OUTPUT_BYTES, type FoundFile } from '@crewtab/domain/ports/runtime';
import type { ContractFixture } from './contract-fixture';
import { eventually } from './line-reader';

const BYTES = Uint8Array.from({ length: 256 }, (_, byte) => byte);
const NOTE = { path: 'note.txt', content: Buffer.from('shared'), mode: 0o644 };

export function describeWorkspace(current: () => ContractFixture): void {
  describe('files of the workspace', () => {
    it('come back as they were put, with the folders on their way', async () => {
      const fixture = current();
      const deployment = await fixture.prepared({ agents: [fixture.agent('solo', { does: 'echo' })] });
      await fixture.runtime.putFiles(deployment, [
        { path: 'notes/deep/bytes.bin', content: BYTES, mode: 0o640 },
        { path: './run.sh', content: Buffer.from('echo hi'), mode: 0o755 },
        { path: 'empty', content: Buffer.of(), mode: 0o600 },
      ]);
      const found = await collect(fixture.runtime.readFiles(deployment, ''));
      expect(found.map(({ path, kind }) => `${kind} ${path}`).sort()).toEqual([
        'file empty',
        'file notes/deep/bytes.bin',
        'file run.sh',
        'folder notes',
        'folder notes/deep',
      ]);
      const [bytes] = await collect(fixture.runtime.readFiles(deployment, 'notes/deep/bytes.bin'));
      expect(bytes).toEqual({
        path: 'notes/deep/bytes.bin',
        kind: 'file',
        mode: 0o640,
        size: 256,
        target: null,
        bytes: Buffer.from(BYTES),
      });
      const below = await collect(fixture.runtime.readFiles(deployment, 'notes'));
      expect(below.map(({ path }) => path)).toEqual(['notes', 'notes/deep', 'notes/deep/bytes.bin']);
    }, 60_000);

    it('take the place of files of the same name', async () => {
      const fixture = current();
      const deployment = await fixture.prepared({ agents: [fixture.agent('solo', { does: 'echo' })] });
      await fixture.runtime.putFiles(deployment, [{ ...NOTE, content: Buffer.from('an earlier, longer one') }]);
      for (let time = 0; time < 2; time++) await fixture.runtime.putFiles(deployment, [NOTE]);
      const [note] = await collect(fixture.runtime.readFiles(deployment, 'note.txt'));
      expect(note?.bytes.toString()).toBe('shared');
    }, 60_000);

    it('reach an agent, and are there after it has ended', async () => {
      const fixture = current();
      const agent = fixture.agent('solo', { does: 'readFile', name: 'note.txt' });
      const deployment = await fixture.prepared({ agents: [agent] });
      await fixture.runtime.putFiles(deployment, [NOTE]);
      const reader = await fixture.read(await fixture.ensure(deployment, agent));
      await reader.toEnd();
      expect(reader.texts()).toEqual(['shared']);
      await fixture.runtime.putFiles(deployment, [{ ...NOTE, path: 'late.txt' }]);
      const found = await collect(fixture.runtime.readFiles(deployment, ''));
      expect(found.map(({ path }) => path).sort()).toEqual(['late.txt', 'note.txt']);
    }, 60_000);

    it('show what an agent writes, also where only one entry is asked for and its content is not', async () => {
      const fixture = current();
      const { deployment, handle } = await fixture.started({ does: 'writeFile', name: 'report.md', content: 'done' });
      await (await fixture.read(handle)).until('written');
      const [report] = await collect(fixture.runtime.readFiles(deployment, 'report.md'));
      expect(report?.bytes.toString()).toBe('done');
      for await (const { path } of fixture.runtime.readFiles(deployment, '')) {
        expect(path).toBe('report.md');
        break;
      }
    }, 60_000);

    it('are not found where nothing is, and are refused outside of the workspace', async () => {
      const fixture = current();
      const deployment = await fixture.prepared({ agents: [fixture.agent('solo', { does: 'echo' })] });
      const read = (path: string): Promise<unknown> => collect(fixture.runtime.readFiles(deployment, path));
      await expect(read('no/such/file')).rejects.toMatchObject({ code: 'not_found' });
      for (const path of ['/etc/passwd', '../other', 'a/../../b']) {
        await expect(read(path)).rejects.toMatchObject({ code: 'invalid_request' });
        const put = fixture.runtime.putFiles(deployment, [{ ...NOTE, path }]);
        await expect(put).rejects.toMatchObject({ code: 'invalid_request' });
      }
    }, 60_000);

    it('leave nothing that the run did not have, and go with it', async () => {
      const fixture = current();
      const deployment = await fixture.prepared({ agents: [fixture.agent('solo', { does: 'echo' })] });
      const [before] = await fixture.runtime.list(fixture.installationId);
      await fixture.runtime.putFiles(deployment, [NOTE]);
      await collect(fixture.runtime.readFiles(deployment, ''));
      const [after] = await fixture.runtime.list(fixture.installationId);
      expect(after?.resources).toEqual(before?.resources);
      await fixture.runtime.teardown(deployment.installationId, deployment.runId, { graceMs: 0 });
      expect(await fixture.runtime.list(fixture.installationId)).toEqual([]);
    }, 60_000);
  });

  describe('a program', () => {
    it('tells its exit code and the end of its output', async () => {
      const fixture = current();
      const deployment = await fixture.prepared();
      const program = fixture.program({ does: 'exit', code: 7 });
      const result = await fixture.runtime.runProgram(deployment, program, never());
      expect(result).toEqual({ end: 'exited', exitCode: 7, output: 'bye\n' });
    }, 60_000);

    it("works in the run's workspace, and leaves nothing of itself", async () => {
      const fixture = current();
      const deployment = await fixture.prepared({ agents: [fixture.agent('solo', { does: 'echo' })] });
      await fixture.runtime.putFiles(deployment, [NOTE]);
      const [before] = await fixture.runtime.list(fixture.installationId);
      const program = fixture.program({ does: 'readFile', name: 'note.txt' });
      const result = await fixture.runtime.runProgram(deployment, program, never());
      expect(result).toEqual({ end: 'exited', exitCode: 0, output: 'shared\n' });
      const [after] = await fixture.runtime.list(fixture.installationId);
      expect(after?.resources).toEqual(before?.resources);
    }, 60_000);

    it('is killed at its limit of time', async () => {
      const fixture = current();
      const deployment = await fixture.prepared();
      const program = { ...fixture.program({ does: 'ignoreSigterm' }), timeLimitMs: 1_000 };
      const result = await fixture.runtime.runProgram(deployment, program, never());
      expect(result).toMatchObject({ end: 'time_limit', exitCode: null });
      expect(await agentsLeft(fixture)).toBe(0);
    }, 60_000);

    it('is killed at its limit of output, and tells the end of what it said', async () => {
      const fixture = current();
      const deployment = await fixture.prepared();
      const program = { ...fixture.program({ does: 'count', to: 200_000 }), outputLimitBytes: 100_000 };
      const result = await fixture.runtime.runProgram(deployment, program, never());
      expect(result).toMatchObject({ end: 'output_limit', exitCode: null });
      expect(result.output.length).toBeLessThanOrEqual(PROGRAM_OUTPUT_BYTES);
      expect(result.output).toMatch(/^\d+\n[\d\n]+\n$/);
      expect(await agentsLeft(fixture)).toBe(0);
    }, 60_000);

    it('that is not there ends as a shell would say it', async () => {
      const fixture = current();
      const deployment = await fixture.prepared();
      const result = await fixture.runtime.runProgram(deployment, fixture.program({ does: 'notExist' }), never());
      expect(result).toMatchObject({ end: 'exited', output: expect.stringContaining('/no/such/program') as string });
      expect([126, 127]).toContain(result.exitCode);
    }, 60_000);

    it('is killed by an abort', async () => {
      const fixture = current();
      const deployment = await fixture.prepared();
      const abort = new AbortController();
      const running = fixture.runtime.runProgram(deployment, fixture.program({ does: 'ignoreSigterm' }), abort.signal);
      const failed = expect(running).rejects.toMatchObject({ code: 'engine_error', retryable: true });
      await eventually('the program runs', async () => (await agentsLeft(fixture)) === 1);
      abort.abort();
      await failed;
      expect(await agentsLeft(fixture)).toBe(0);
    }, 60_000);

    it("goes with its run's teardown", async () => {
      const fixture = current();
      const deployment = await fixture.prepared({ agents: [fixture.agent('solo', { does: 'echo' })] });
      const { runtime, installationId } = fixture;
      const program = fixture.program({ does: 'writeFile', name: 'begun', content: '' });
      const before = await agentsLeft(fixture);
      const settled = Promise.allSettled([runtime.runProgram(deployment, program, never())]);
      // Its files may be there only when it has ended.
      await eventually('the program is made', async () => (await agentsLeft(fixture)) > before, 30_000);
      const other = await fixture.anotherWorker();
      const report = await other.teardown(installationId, deployment.runId, { graceMs: 0 });
      expect(report.left).toEqual([]);
      expect(await runtime.list(installationId)).toEqual([]);
      await settled;
    }, 60_000);
  });
}

type ReadFile = Omit<FoundFile, 'content' | 'ageMs'> & { readonly bytes: Buffer };

async function collect(files: AsyncIterable<FoundFile>): Promise<ReadFile[]> {
  const read: ReadFile[] = [];
  for await (const { content, ageMs: _, ...file } of files) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of content) chunks.push(chunk);
    read.push({ ...file, bytes: Buffer.concat(chunks) });
  }
  return read;
}

/** Programs count as agents do. */
async function agentsLeft({ runtime, installationId, setup }: ContractFixture): Promise<number> {
  const runs = await runtime.list(installationId);
  return runs.reduce((sum, { resources }) => sum + (resources[setup.agentKind] ?? 0), 0);
}

function never(): AbortSignal {
  return new AbortController().signal;
}
