import type { IncomingMessage } from 'node:http';
import type { AgentProcess, OutputLine } from '@crewtab/domain/ports/runtime';
import { inspectProcess } from '../agents/container-state';
import type { EngineClient } from '../engine/engine-client';
import { isRefusal, toAppError, unreachable } from '../engine/engine-errors';

/** Between the end of a log and the engine's word that the process has ended may lie a moment; ms between looks. */
const END_LOOKS_MS = [0, 10, 30, 100, 300, 600];

/** The output of a container as lines, read once from its beginning; see `AgentChannel.output`. */
export interface ContainerOutput {
  lines(): AsyncGenerator<OutputLine>;
  /** What became of the process, once its log has ended; null before. */
  readonly ended: AgentProcess['status'] | null;
  close(): void;
}

/** The log from its beginning: to the end of the process, or as it is where that has ended. Null without a container. */
export async function requestLog(engine: EngineClient, handle: string): Promise<IncomingMessage | null> {
  try {
    const log = await engine.read(`follow the log of ${handle}`, async (abortSignal) => {
      const options = { follow: true, stdout: true, stderr: true, abortSignal } as const;
      return (await engine.docker.getContainer(handle).logs(options)) as unknown as IncomingMessage;
    });
    // Errors reach the reader through its iterator; without a reader they do not matter.
    log.on('error', () => undefined);
    return log;
  } catch (error) {
    // 409: being removed.
    if (isRefusal(error, 404, 409)) return null;
    throw toAppError(error);
  }
}

/** A log that ends is not yet a process that ended: an engine that restarts ends its logs as well. */
export async function confirmEnd(engine: EngineClient, handle: string): Promise<'exited' | 'absent'> {
  for (const waitMs of END_LOOKS_MS) {
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    const { status } = await inspectProcess(engine, handle);
    if (status === 'exited' || status === 'absent') return status;
  }
  throw unreachable('follow the log', 'it ended though the agent still runs');
}
