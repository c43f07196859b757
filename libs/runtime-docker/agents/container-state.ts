import type { AgentProcess } from '@crewtab/domain/ports/runtime';
import type Docker from 'dockerode';
import { type EngineClient, isRefusal, toAppError } from '../engine/engine-client';

type State = Docker.ContainerInspectInfo['State'];

/** By id or name; null where the engine does not know it. */
export async function inspectContainer(
  engine: EngineClient,
  handle: string,
): Promise<Docker.ContainerInspectInfo | null> {
  try {
    return await engine.read(`inspect ${handle}`, (abortSignal) =>
      engine.docker.getContainer(handle).inspect({ abortSignal }),
    );
  } catch (error) {
    if (isRefusal(error, 404)) return null;
    throw toAppError(error);
  }
}

/** What the engine knows of a container's process, without a word on whether its output is whole: see `inspectAgent`. */
export async function inspectProcess(engine: EngineClient, handle: string): Promise<AgentProcess> {
  const found = await inspectContainer(engine, handle);
  return found ? processOf(found.State) : { status: 'absent' };
}

export function processOf(state: State): AgentProcess {
  if (state.Running) return { status: 'running' };
  // It is being removed, and cannot be started any more.
  if (state.Status === 'removing' && !wasStarted(state)) return { status: 'absent' };
  // A container that could not be started stays "created", with the reason in its state.
  if (state.Status === 'created' && state.Error === '') return { status: 'created' };
  const { ExitCode: exitCode, OOMKilled: isOutOfMemory, Error: message } = state;
  return { status: 'exited', exitCode, isOutOfMemory, message, mayLackOutput: false };
}

/** Where it was not, the engine writes the year 1. */
export function wasStarted({ Running, StartedAt }: State): boolean {
  return Running || Date.parse(StartedAt) > 0;
}
