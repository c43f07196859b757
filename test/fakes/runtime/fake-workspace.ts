import { AppError } from '@crewtab/domain/errors';
import type { DeploymentSpec, FoundFile, ProgramResult, ProgramSpec } from '@crewtab/domain/ports/runtime';
import { OutputTail } from '@crewtab/domain/runs/output-tail';
import { workspacePath } from '@crewtab/domain/runs/workspace-path';
import type { FakeAgent } from './fake-agent';
import type { FakeEngine } from './fake-engine';

/** What is at a path of a run's workspace, as `Runtime.readFiles` gives it. */
export function filesAt(engine: FakeEngine, runId: string, path: string): FoundFile[] {
  const wanted = workspacePath(path);
  const found = new Map<string, FoundFile>();
  const now = engine.clock.now().getTime();
  for (const [key, { content, mode, kind = 'file', changedAt }] of [...engine.files].sort(([a], [b]) =>
    a < b ? -1 : 1,
  )) {
    if (!key.startsWith(`${runId}/`)) continue;
    const name = key.slice(runId.length + 1);
    const parts = name.split('/');
    for (let end = 1; end < parts.length; end++) {
      const folder = parts.slice(0, end).join('/');
      if (isWithin(folder, wanted) && !found.has(folder))
        found.set(folder, { ...emptyEntry(folder, 0o755), kind: 'folder' });
    }
    if (isWithin(name, wanted))
      found.set(name, {
        ...emptyEntry(name, mode),
        kind,
        ageMs: changedAt ? now - changedAt.getTime() : 0,
        ...(kind === 'file' && { size: content.length, content: oneChunk(content) }),
      });
  }
  if (found.size === 0 && wanted !== '') throw new AppError('not_found', `there is no "${path}" in the workspace`);
  return [...found.values()];
}

/**
 * As `Runtime.runProgram`, timed by the engine's clock.
 * @param isGone the worker that asked is no more: its container stays, and ends by itself at its limit
 */
export async function runFakeProgram(
  engine: FakeEngine,
  deployment: DeploymentSpec,
  program: ProgramSpec,
  signal: AbortSignal,
  isGone: () => boolean,
): Promise<ProgramResult> {
  const { name, image, command, env, resources, timeLimitMs, outputLimitBytes } = program;
  const agent = engine.createAgent(deployment, { name, image, command, env, resources, stdin: 'once', tools: null });
  const tail = new OutputTail();
  let isLate = false;
  const cancel = engine.clock.after(timeLimitMs, () => {
    isLate = true;
    agent.kill();
  });
  try {
    agent.start();
    agent.endInput();
    await untilEnded(agent, signal);
    if (signal.aborted) throw new AppError('engine_error', 'given up while the program ran', { retryable: true });
    for (const { text } of agent.lines) {
      tail.add(text);
      program.onLine?.(text);
      if (tail.bytes > outputLimitBytes) return { end: 'output_limit', exitCode: null, output: tail.text };
    }
    if (isLate) return { end: 'time_limit', exitCode: null, output: tail.text };
    if (agent.process.status === 'exited' && agent.process.mayLackOutput)
      throw new AppError('engine_unreachable', 'the engine was away when the program ended', { retryable: true });
    if (agent.process.status !== 'exited') throw new AppError('engine_error', 'the program was removed while it ran');
    return { end: 'exited', exitCode: agent.process.exitCode, output: tail.text };
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'start_failed') throw error;
    return { end: 'exited', exitCode: 127, output: `${error.message}\n` };
  } finally {
    if (!isGone()) {
      cancel();
      engine.remove(agent);
    }
  }
}

async function untilEnded(agent: FakeAgent, signal: AbortSignal): Promise<void> {
  if (!agent.isRunning || signal.aborted) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      stop();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const stop = agent.onChange(() => !agent.isRunning && end());
    signal.addEventListener('abort', end, { once: true });
  });
}

function isWithin(path: string, wanted: string): boolean {
  return wanted === '' || path === wanted || path.startsWith(`${wanted}/`);
}

function emptyEntry(path: string, mode: number): Omit<FoundFile, 'kind'> {
  return { path, mode, size: 0, target: null, ageMs: 0, content: oneChunk(new Uint8Array()) };
}

async function* oneChunk(content: Uint8Array): AsyncGenerator<Uint8Array> {
  yield content;
}
