import { AppError } from '@crewtab/domain/errors';
import type { ContractFixture } from './contract-fixture';

const MANY_LINES = 20_000;
const LONG_LINE_BYTES = 8 * 1024 * 1024;

export function describeTalking(current: () => ContractFixture): void {
  describe('talking', () => {
    it('carries lines there and back', async () => {
      const fixture = current();
      const { handle } = await fixture.started({ does: 'echo' });
      const reader = await fixture.read(handle);
      await reader.channel.write('grüße, 世界 🎉\n');
      await reader.until('echo: grüße, 世界 🎉');
      await reader.channel.write('half a ');
      await reader.channel.write('line\nand another\n');
      await reader.until('echo: and another');
      expect(reader.lines).toEqual(
        ['started', 'echo: grüße, 世界 🎉', 'echo: half a line', 'echo: and another'].map((text, index) => ({
          stream: 'stdout',
          index,
          text,
        })),
      );
    }, 60_000);

    it('goes on with a second worker: the same agent, the same lines with the same indexes', async () => {
      const fixture = current();
      const { deployment, agent, handle } = await fixture.started({ does: 'echo' });
      const first = await fixture.read(handle);
      await first.channel.write('one\n');
      await first.until('echo: one');
      await fixture.runtime.close();

      const other = await fixture.anotherWorker();
      expect(await fixture.ensure(deployment, agent, other)).toBe(handle);
      const second = await fixture.read(handle, other);
      await second.channel.write('\ntwo\n');
      await second.until('echo: two');
      expect(second.lines.slice(0, 2)).toEqual(first.lines);
      expect(second.texts()).toEqual(['started', 'echo: one', 'echo: ', 'echo: two']);
      await other.teardown(deployment.installationId, deployment.runId, { graceMs: 0 });
    }, 60_000);

    it('gives two readers the same lines', async () => {
      const fixture = current();
      const { handle } = await fixture.started({ does: 'echo' });
      const [one, two] = [await fixture.read(handle), await fixture.read(handle)];
      await one.channel.write('hello\n');
      await Promise.all([one.until('echo: hello'), two.until('echo: hello')]);
      expect(two.lines).toEqual(one.lines);
    }, 60_000);

    it('loses and doubles nothing of a flood', async () => {
      const fixture = current();
      const { handle } = await fixture.started({ does: 'count', to: MANY_LINES });
      const reader = await fixture.read(handle);
      const lines = await reader.toEnd();
      expect(lines).toHaveLength(MANY_LINES);
      expect(lines.findIndex((line, index) => line.index !== index || line.text !== String(index + 1))).toBe(-1);
    }, 120_000);

    it('stops reading in the middle of a flood when it is closed', async () => {
      const fixture = current();
      const { handle } = await fixture.started({ does: 'count', to: MANY_LINES });
      const reader = await fixture.read(handle);
      await reader.until('5');
      reader.channel.close();
      await reader.toEnd();
      expect(reader.lines.length).toBeLessThan(MANY_LINES);
    }, 60_000);

    it('carries a line of 8 MB whole', async () => {
      const fixture = current();
      const { handle } = await fixture.started({ does: 'longLine', bytes: LONG_LINE_BYTES });
      const reader = await fixture.read(handle);
      await reader.toEnd();
      const [long = '', after] = reader.texts();
      expect(long.length).toBe(LONG_LINE_BYTES);
      // No expression: over so many characters it may run out of stack.
      expect(long === 'x'.repeat(LONG_LINE_BYTES)).toBe(true);
      expect(after).toBe('after');
      expect(reader.lines).toHaveLength(2);
    }, 120_000);

    it('passes over a line beyond the limit, and counts it as one', async () => {
      const fixture = current();
      const { handle } = await fixture.started({ does: 'longLine', bytes: LONG_LINE_BYTES });
      const limited = await fixture.read(handle, fixture.runtime, LONG_LINE_BYTES - 1);
      await limited.toEnd();
      expect(limited.lines).toEqual([
        { stream: 'stdout', index: 0, text: '', isTooLong: true },
        { stream: 'stdout', index: 1, text: 'after' },
      ]);
    }, 120_000);

    it('keeps stdout and stderr apart, each with its own count', async () => {
      const fixture = current();
      const { handle } = await fixture.started({ does: 'bothStreams' });
      const reader = await fixture.read(handle);
      await reader.toEnd();
      const of = (stream: 'stdout' | 'stderr'): unknown[] => reader.lines.filter((line) => line.stream === stream);
      expect(of('stdout')).toEqual([
        { stream: 'stdout', index: 0, text: 'out 1' },
        { stream: 'stdout', index: 1, text: 'out 2' },
      ]);
      expect(of('stderr')).toEqual([
        { stream: 'stderr', index: 0, text: 'err 1' },
        { stream: 'stderr', index: 1, text: 'err 2' },
      ]);
    }, 60_000);

    it('puts a character together that came in two pieces', async () => {
      const fixture = current();
      const { handle } = await fixture.started({ does: 'splitCharacter' });
      const reader = await fixture.read(handle);
      await reader.toEnd();
      expect(reader.texts()).toEqual(['grün']);
    }, 60_000);

    it('gives the last line without a newline once the agent has ended', async () => {
      const fixture = current();
      const { handle } = await fixture.started({ does: 'exit', code: 0 });
      const reader = await fixture.read(handle);
      await reader.toEnd();
      expect(reader.lines).toEqual([{ stream: 'stdout', index: 0, text: 'bye' }]);
    }, 60_000);

    it('shows the end of input to a program that waits for it', async () => {
      const fixture = current();
      const { handle } = await fixture.started({ does: 'cat' }, { stdin: 'once' });
      const reader = await fixture.read(handle);
      await reader.channel.write('a prompt\nof two lines');
      await reader.channel.endInput();
      await reader.toEnd();
      expect(reader.texts()).toEqual(['a prompt', 'of two linesend of file']);
      expect(await fixture.runtime.inspect(handle)).toMatchObject({ status: 'exited', exitCode: 0 });
    }, 60_000);

    it('carries a long prompt to a program that reads it to its end', async () => {
      const fixture = current();
      const { handle } = await fixture.started({ does: 'cat' }, { stdin: 'once' });
      const reader = await fixture.read(handle);
      const prompt = `${'long '.repeat(200_000)}\n`;
      await reader.channel.write(prompt);
      await reader.channel.endInput();
      await reader.toEnd();
      expect(reader.texts().map((text) => text.length)).toEqual([prompt.length - 1, 'end of file'.length]);
    }, 60_000);

    it('refuses to write to an agent that has ended', async () => {
      const fixture = current();
      const { handle } = await fixture.started({ does: 'exit', code: 3 });
      const reader = await fixture.read(handle);
      await reader.toEnd();
      const refused = reader.channel.write('are you there?\n');
      await expect(refused).rejects.toBeInstanceOf(AppError);
      await expect(refused).rejects.toMatchObject({ retryable: false });
      const late = await fixture.read(handle);
      await expect(late.channel.write('are you there?\n')).rejects.toMatchObject({ retryable: false });
    }, 60_000);
  });
}
