import { frame } from '../output/log-frame.spec-support';
import fc from 'fast-check';
import type Docker from 'dockerode';
import { processOf, LogFrameDecoder } from './containers';

function state(overrides: Partial<Docker.ContainerInspectInfo['State']>): Docker.ContainerInspectInfo['State'] {
  return {
    Status: 'exited',
    Running: false,
    Paused: false,
    Restarting: false,
    OOMKilled: false,
    Dead: false,
    Pid: 0,
    ExitCode: 0,
    Error: '',
    StartedAt: '2026-11-29T11:48:37.678Z',
    FinishedAt: '',
    ...overrides,
  };
}

describe('processOf', () => {
  it.each([
    [{ Status: 'created' }, { status: 'created' }],
    [
      { Status: 'created', Error: 'exec: no such file', ExitCode: 127 },
      { status: 'exited', exitCode: 127, isOutOfMemory: false, message: 'exec: no such file', mayLackOutput: false },
    ],
    [{ Status: 'removing', StartedAt: '0001-01-01T00:00:00Z' }, { status: 'absent' }],
    [{ Status: 'running', Running: true }, { status: 'running' }],
    [{ Status: 'paused', Running: true, Paused: true }, { status: 'running' }],
    [{ ExitCode: 137 }, { status: 'exited', exitCode: 137, isOutOfMemory: false, message: '', mayLackOutput: false }],
    [
      { ExitCode: 137, OOMKilled: true },
      { status: 'exited', exitCode: 137, isOutOfMemory: true, message: '', mayLackOutput: false },
    ],
    [
      { Status: 'removing', ExitCode: 3 },
      { status: 'exited', exitCode: 3, isOutOfMemory: false, message: '', mayLackOutput: false },
    ],
    [
      { Status: 'dead', Dead: true, ExitCode: 1 },
      { status: 'exited', exitCode: 1, isOutOfMemory: false, message: '', mayLackOutput: false },
    ],
  ] as const)('%j', (given, expected) => {
    expect(processOf(state(given))).toEqual(expected);
  });
});

function decode(chunks: readonly Buffer[]): { stdout: string; stderr: string; isAtBoundary: boolean } {
  const decoder = new LogFrameDecoder();
  const pieces = chunks.flatMap((chunk) => [...decoder.push(chunk)]);
  const of = (stream: string): string =>
    Buffer.concat(pieces.filter((piece) => piece.stream === stream).map((piece) => piece.bytes)).toString();
  return { stdout: of('stdout'), stderr: of('stderr'), isAtBoundary: decoder.isAtBoundary };
}

describe('LogFrameDecoder', () => {
  it('takes frames apart however the network cuts them', () => {
    const whole = Buffer.concat([
      frame(1, 'one\n'),
      frame(2, 'err\n'),
      frame(1, ''),
      frame(1, 'two'),
      frame(1, ' ü\n'),
    ]);
    fc.assert(
      fc.property(fc.array(fc.nat(whole.length), { maxLength: 12 }), (cuts) => {
        const places = [0, ...cuts.sort((a, b) => a - b), whole.length];
        const chunks = places.slice(1).map((place, index) => whole.subarray(places[index], place));
        expect(decode(chunks)).toEqual({ stdout: 'one\ntwo ü\n', stderr: 'err\n', isAtBoundary: true });
      }),
    );
  });

  it('knows when a stream ends within a frame', () => {
    expect(decode([frame(1, 'one\n').subarray(0, 10)]).isAtBoundary).toBe(false);
    expect(decode([frame(1, 'one\n').subarray(0, 3)]).isAtBoundary).toBe(false);
  });

  it('throws what the engine says about itself in the stream', () => {
    expect(() => decode([frame(1, 'one\n'), frame(3, 'error from daemon in stream: it broke')])).toThrow('it broke');
  });

  it('refuses a stream that is not multiplexed', () => {
    expect(() => decode([Buffer.from('plain text of a terminal')])).toThrow('unknown kind');
  });
});
