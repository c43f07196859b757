import type Docker from 'dockerode';
import { processOf } from './containers';

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
