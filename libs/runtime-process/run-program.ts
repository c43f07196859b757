import { randomBytes } from 'node:crypto';
import { removeTree } from '@crewtab/agent-files/remove-tree';
import { AppError } from '@crewtab/domain/errors';
import type { DeploymentSpec, OutputLine, ProgramResult, ProgramSpec } from '@crewtab/domain/ports/runtime';
import { followProgram } from '@crewtab/program-output/follow-program';
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
  if (program.files) throw new AppError('create_failed', 'a program without a container has no files of its own');
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

function follow(state: AgentState, limits: ProgramSpec, signal: AbortSignal): Promise<ProgramResult> {
  const channel = new ProcessChannel(state, 0, () => undefined);
  const program = {
    output: withoutInput(channel),
    close: () => channel.close(),
    inspect: () => state.inspect(),
  };
  return followProgram(program, limits, signal);
}

async function* withoutInput(channel: ProcessChannel): AsyncGenerator<OutputLine> {
  await channel.endInput();
  yield* channel.output;
}
