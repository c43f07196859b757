import { spawnSync } from 'node:child_process';
import { compileAgent } from '../build/compile-agent';

// Real processes on a machine that may be busy.
jest.setTimeout(30_000);

describe('demo agent under the command protocol', () => {
  let program: string;

  beforeAll(async () => {
    program = (await compileAgent()).demoAgent;
  });

  function run(
    prompt: string,
    env: Record<string, string> = {},
  ): ReturnType<typeof spawnSync> & { stdout: string; stderr: string } {
    return spawnSync(process.execPath, [program, '--command'], {
      input: prompt,
      encoding: 'utf8',
      env: { ...process.env, ...env },
    });
  }

  it('answers on stdout, tells the rest on stderr, and exits with 0', () => {
    const { status, stdout, stderr } = run('think hm\nanswer hello\ntool hammer');
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'hello\n' });
    expect(stderr).toContain('thought: hm');
  });

  it('echoes a prompt without a last newline, umlauts included', () => {
    expect(run('Wie spät?').stdout).toBe('You said, in 9 characters: Wie spät?\n');
  });

  it.each(['error bad luck', 'refuse', 'max-tokens', 'teammates'])('exits with 1 on `%s`', (directive) => {
    const { status, stdout, stderr } = run(`answer before\n${directive}`);
    expect({ status, stdout }).toEqual({ status: 1, stdout: 'before\n' });
    expect(stderr).not.toBe('');
  });

  it.each([
    ['exit 5', 5, null],
    ['crash', 1, null],
    ['kill-self', null, 'SIGKILL'],
  ])('dies on `%s`', (directive, status, signal) => {
    expect(run(directive)).toMatchObject({ status, signal });
  });

  it('writes the whole report', () => {
    const { status, stdout } = run('report', { DEMO_PACE: '0' });
    expect(status).toBe(0);
    expect(stdout).toContain('# Report: harbour-lights');
  });
});
