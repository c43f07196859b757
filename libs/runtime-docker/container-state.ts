import type { AgentProcess } from '@crewtab/domain/ports/runtime';
import type Docker from 'dockerode';
import type { EngineClient } from './engine-client';
import { isRefusal, toAppError } from './engine-errors';

type State = Docker.ContainerInspectInfo['State'];

/** What the engine knows of a container's process. */
export async function inspectProcess(engine: EngineClient, handle: string): Promise<AgentProcess> {
  try {
    const found = await engine.read(`inspect ${handle}`, (abortSignal) =>
      engine.docker.getContainer(handle).inspect({ abortSignal }),
    );
    return processOf(found.State);
  } catch (error) {
    if (isRefusal(error, 404)) return { status: 'absent' };
    throw toAppError(error);
  }
}

export function processOf(state: State): AgentProcess {
  if (state.Running) return { status: 'running' };
  // A container that could not be started stays "created", with the reason in its state.
  if (state.Status === 'created' && state.Error === '') return { status: 'created' };
  return { status: 'exited', exitCode: state.ExitCode, isOutOfMemory: state.OOMKilled, message: state.Error };
}
