import { identifyProcess } from '@crewtab/local-services/process-identity';
import { endLeftoverProcesses, startNode, startProcess } from '../../kit/processes';
import { eventually } from '../../kit/wait-for';

afterEach(() => endLeftoverProcesses());

describe('a child process of a test', () => {
  it('gives the line that was waited for, whether it came before or after', async () => {
    const child = startNode(
      'talker',
      ['-e', `console.log('one'); setTimeout(() => console.error('two ' + process.env.WORD), 20)`],
      {
        env: { WORD: 'spoken' },
      },
    );

    expect(await child.waitForLine(/^two/)).toBe('two spoken');
    expect(await child.waitForLine(/^one/)).toBe('one');
    expect(await child.exited).toEqual({ code: 0, signal: null });
  });

  it('shows the log when the process ends without the line', async () => {
    const child = startNode('talker', ['-e', `console.log('the trouble'); process.exitCode = 3`]);

    await expect(child.waitForLine(/never/)).rejects.toThrow(
      /talker: no line like \/never\/, and it has ended.*3[\s\S]*the trouble/,
    );
  });

  it('rejects when no such line came in time', async () => {
    const child = startProcess('sleeper', 'sleep', ['60']);

    await expect(child.waitForLine(/never/, { timeoutMs: 50 })).rejects.toThrow(/waited 50 ms/);
    child.kill('SIGKILL');
    expect(await child.exited).toEqual({ code: null, signal: 'SIGKILL' });
  });

  it('says that a program cannot be started', async () => {
    const child = startProcess('nothing', '/no/such/program', []);

    await expect(child.waitForLine(/ready/)).rejects.toThrow(/cannot be started/);
  });

  it('is killed and reported when the test leaves it running', async () => {
    const { pid } = startProcess('sleeper', 'sleep', ['60']);

    await expect(endLeftoverProcesses()).rejects.toThrow('the test left processes running: sleeper');
    expect(await identifyProcess(pid)).toBeNull();
  });
});

describe('eventually', () => {
  it('gives what the first try that succeeds gives', async () => {
    let tries = 0;

    expect(await eventually(() => (tries += 1) >= 3 && tries, { intervalMs: 1 })).toBe(3);
  });

  it('repeats the last error at its bound', async () => {
    const attempt = (): never => {
      throw new Error('the table is empty');
    };

    await expect(eventually(attempt, { timeoutMs: 10, intervalMs: 1 })).rejects.toThrow(
      'not so within 10 ms: the table is empty',
    );
  });
});
