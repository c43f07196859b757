import type { EventEmitter } from 'node:events';

/** Its files and its agent are played, and so is time; see test/integration/runtime-process for the real ones. */

const DAY_MS = 86_400_000;
const AGENT_PID = 4_242;

const mockOrder = { command: ['agent'], env: {}, cwd: '/', stdin: 'open', killInMs: 30 * DAY_MS };
const mockAgentPid = AGENT_PID;

jest.mock('node:fs', () => ({
  constants: {},
  readFileSync: (path: unknown) => {
    if (path === 0) return JSON.stringify(mockOrder);
    return String(path).endsWith('run.json') ? '{"installationId":"i"}' : `1 (agent) ${'0 '.repeat(30)}`;
  },
  openSync: () => 3,
  closeSync: () => undefined,
  writeFileSync: () => undefined,
  linkSync: () => undefined,
  unlinkSync: () => undefined,
  renameSync: () => undefined,
}));
jest.mock('node:child_process', () => {
  const { EventEmitter: Emitter } = jest.requireActual<{ EventEmitter: typeof EventEmitter }>('node:events');
  return { execFileSync: () => 'now', spawn: () => Object.assign(new Emitter(), { pid: mockAgentPid }) };
});

/** Signals that it sent, and to whom. */
function start(): { readonly sent: unknown[][] } {
  const sent: unknown[][] = [];
  jest.spyOn(process, 'kill').mockImplementation((...call) => (sent.push(call), true));
  // What it does for itself is of no use to a test's own process.
  jest.spyOn(process, 'on').mockReturnThis();
  jest.spyOn(process, 'chdir').mockReturnValue();
  jest.isolateModules(() => void jest.requireActual('./supervisor.js'));
  return { sent };
}

/** Node's timers of more ms than this fire at once. */
function refuseOverflow(): void {
  const { setTimeout } = globalThis;
  jest.spyOn(globalThis, 'setTimeout').mockImplementation((callback, ms) => {
    if ((ms ?? 0) > 2 ** 31 - 1) throw new RangeError(`a timer of ${ms} ms`);
    return setTimeout(callback, ms);
  });
}

describe('the supervisor of an agent whose deadline is 30 days away', () => {
  const argv = process.argv;
  beforeEach(() => {
    jest.useFakeTimers();
    process.argv = ['node', 'supervisor.js', '/agent'];
  });
  afterEach(() => {
    process.argv = argv;
    jest.useRealTimers();
  });

  it('ends it then, and not a moment earlier, though no timer reaches so far', () => {
    refuseOverflow();
    const { sent } = start();
    jest.advanceTimersByTime(30 * DAY_MS - 1);
    expect(sent).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(sent).toEqual([[-AGENT_PID, 'SIGTERM']]);
    jest.advanceTimersByTime(5_000);
    expect(sent).toEqual([
      [-AGENT_PID, 'SIGTERM'],
      [-AGENT_PID, 'SIGKILL'],
    ]);
  });
});
