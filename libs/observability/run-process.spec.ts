import { resolve } from 'node:path';
import { endLeftoverProcesses, startNode, type StartedProcess } from '../../test/kit/processes';

const PROGRAM = resolve(__dirname, 'run-process.ts');
const HOOK = resolve(__dirname, '../../test/support/typescript-hook.cjs');
const FOR_EVER = 'new Promise(() => setInterval(() => undefined, 60_000))';
const started = (stop: string): string =>
  `new Promise((resolve) => { setInterval(() => undefined, 60_000); resolve({ stop: () => ${stop} }); })`;

afterEach(endLeftoverProcesses);

/** @param start an expression: what the process does to start */
async function begin(start: string, limitMs: number): Promise<StartedProcess> {
  const script = `const { runProcess } = require(${JSON.stringify(PROGRAM)});
    void runProcess('sleeper', () => ${start}, ${limitMs});
    console.log('begun');`;
  const child = startNode('sleeper', ['--require', HOOK, '-e', script]);
  await child.waitForLine(/begun/);
  return child;
}

describe('the end of a process at SIGTERM', () => {
  it('is in order when it has started', async () => {
    const child = await begin(started(`Promise.resolve(console.log('stopped'))`), 60_000);
    child.kill('SIGTERM');
    expect(await child.exited).toEqual({ code: 0, signal: null });
    expect(child.lines).toContain('stopped');
  });

  it.each(['a start', 'an end'])('does not wait longer than its limit for %s that hangs', async (what) => {
    const child = await begin(what === 'a start' ? FOR_EVER : started(FOR_EVER), 100);
    child.kill('SIGTERM');
    expect(await child.exited).toEqual({ code: 1, signal: null });
    expect(child.lines).toContain('sleeper: did not stop within 0.1 s');
  });

  it.each(['a start', 'an end'])('comes at once at the second signal, in the middle of %s that hangs', async (what) => {
    const child = await begin(what === 'a start' ? FOR_EVER : started(FOR_EVER), 600_000);
    child.kill('SIGTERM');
    child.kill('SIGINT');
    expect(await child.exited).toEqual({ code: 1, signal: null });
  });
});
