import type { AgentProcess } from '@crewtab/domain/ports/runtime';
import { inspectContainer, processOf, wasStarted } from './container-state';
import type { EngineClient } from './engine-client';
import { wasThereAt } from './engine-memory';
import { isGuarded } from './guard';
import { KeptOutput } from './kept-output';

/** What the engine knows of an agent, and of one that has ended whether its last words are kept. */
export async function inspectAgent(engine: EngineClient, handle: string): Promise<AgentProcess> {
  const found = await inspectContainer(engine, handle);
  if (!found) return { status: 'absent' };
  const process = processOf(found.State);
  // What was never started has said nothing.
  if (process.status !== 'exited' || !wasStarted(found.State)) return process;
  const exitCode = isGuarded(found) ? await new KeptOutput(engine, handle).exitCode() : null;
  // The engine may have been away when the agent ended, and have made up an exit code.
  if (exitCode !== null) return { ...process, exitCode };
  return { ...process, mayLackOutput: !(await wasThereAt(engine, found.State.FinishedAt)) };
}
