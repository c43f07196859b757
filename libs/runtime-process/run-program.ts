import { randomBytes } from 'node:crypto';
import { removeTree } from '@crewtab/agent-files/remove-tree';
import { AppError } from '@crewtab/domain/errors';
import type { DeploymentSpec, ProgramResult, ProgramSpec } from '@crewtab/domain/ports/runtime';
import { OutputTail } from '@crewtab/domain/runs/output-tail';
import type { AgentStarter } from './agent-starter';
import { AgentState } from './agent-state';
import { ProcessChannel } from './process-channel';
import type { RunFolders } from './run-folders';
import { endAgent } from './run-teardown';

/** As shells have it of a program that is not there. */
const NOT_FOUND = 127;

/**
 * See `Runtime.runProgram`. The program stands in a folder of its own beside the run's agents, under a supervisor as they
 * do: a teardown ends it, and without a worker it ends at its limit by itself.
 */
export async function runProgram(
  folders: RunFolders,
  starter: AgentStarter,
  deployment: DeploymentSpec,
  program: ProgramSpec,
  signal: AbortSignal,
): Promise<ProgramResult> {
  const name = `${program.name}-${randomBytes(4).toString('hex')}`;
  const state = new AgentState(folders.agentDir(deployment.runId, name));
  const { command, env, resources, timeLimitMs } = program;
  const agent = { name, image: null, command, env, resources, stdin: 'once', tools: null } as const;
  try {
    await starter.ensure(deployment, agent, timeLimitMs);
    return await follow(state, program, signal);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'start_failed') throw error;
    return { end: 'exited', exitCode: NOT_FOUND, output: `${error.message}\n` };
  } finally {
    await endAgent(state, 0);
    await removeTree('process.program.remove', state.agentDir);
  }
}

async function follow(
  state: AgentState,
  { timeLimitMs, outputLimitBytes }: ProgramSpec,
  signal: AbortSignal,
): Promise<ProgramResult> {
  const tail = new OutputTail();
  const limited = (end: 'time_limit' | 'output_limit'): ProgramResult => ({ end, exitCode: null, output: tail.text });
  const channel = new ProcessChannel(state, 0, () => undefined);
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    channel.close();
  }, timeLimitMs);
  const onAbort = (): void => channel.close();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    await channel.endInput();
    for await (const { text, isTooLong } of channel.output) {
      tail.add(text);
      if (isTooLong || tail.bytes > outputLimitBytes) return limited('output_limit');
    }
  } finally {
    channel.close();
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
  if (signal.aborted)
    throw new AppError('engine_error', 'given up while the program ran', { retryable: true, cause: signal.reason });
  if (isLate) return limited('time_limit');
  const process = await state.inspect();
  if (process.status !== 'exited') throw new AppError('engine_error', 'the program was removed while it ran');
  return { end: 'exited', exitCode: process.exitCode, output: tail.text };
}
