import type { Readable } from 'node:stream';
import { AppError } from '@crewtab/domain/errors';
import type Docker from 'dockerode';
import { readEntry, statIn, withFirstEntry } from '../agents/container-files';
import {
  withinLimit,
  type EngineClient,
  EngineRefusal,
  unreachable,
  isRefusal,
  toAppError,
} from '../engine/engine-client';
import { KEPT_END, KEPT_OUTPUT, keptExitCode } from '@crewtab/agent-guard/guard-records';
import type { AgentProcess, OutputLine } from '@crewtab/domain/ports/runtime';
import { inspectContainer, processOf, wasStarted, inspectProcess } from '../agents/container-state';
import { wasThereAt } from '../engine/engine-memory';
import { isGuarded } from '../agents/container-spec';
import type { IncomingMessage } from 'node:http';

/** So much is read at once at most, bytes. */
const READ_AT_ONCE = 16 * 1024 * 1024;
/**
 * The engine locks a container while it hands out one of its files (moby daemon/archive.go), and calls that inspect or
 * remove it wait: for so long at most, ms. Enough for a hundred megabytes on a slow disk.
 */
const READ_LIMIT_MS = 60_000;

/** What the guard of a container has written down, whether or not the container still runs. */
export class KeptOutput {
  constructor(
    private readonly engine: EngineClient,
    private readonly handle: string,
  ) {}

  /** The exit code of an agent of which every word is kept. Null before, and where the guard was killed or had no room. */
  async exitCode(): Promise<number | null> {
    const ended = await orNothing(readEntry(this.engine, this.container(), KEPT_END), null);
    return keptExitCode(ended?.content ?? '');
  }

  /** Bytes of records; 0 where there are none. */
  async size(): Promise<number> {
    return (await orNothing(statIn(this.engine, this.container(), KEPT_OUTPUT), null))?.size ?? 0;
  }

  /** Records from a position on, up to 16 MiB; empty where there are none. */
  read(position: number): Promise<Buffer> {
    const part = withinLimit('read the kept output', READ_LIMIT_MS, (abortSignal) =>
      this.readPart(position, abortSignal),
    );
    return orNothing(part, Buffer.alloc(0));
  }

  private container(): Docker.Container {
    return this.engine.docker.getContainer(this.handle);
  }

  /** The engine gives whole files only, so what comes before is skipped. */
  private async readPart(position: number, abortSignal: AbortSignal): Promise<Buffer> {
    const archive = (await this.container().getArchive({ path: KEPT_OUTPUT, abortSignal })) as Readable;
    return (await withFirstEntry(archive, (file) => partOf(file, position))) ?? Buffer.alloc(0);
  }
}

/**
 * An engine that cannot answer now (too many open files) is asked again when the output is opened once more. One that
 * does not hand out files has nothing to tell, and fails no run.
 */
async function orNothing<T>(asked: Promise<T>, nothing: T): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof AppError && error.retryable) throw error;
    const refusal = error instanceof AppError ? error.cause : error;
    if (!(refusal instanceof EngineRefusal)) throw error;
    if (refusal.statusCode >= 500) throw unreachable('read what the guard has kept', refusal.words, refusal);
    return nothing;
  }
}

async function partOf(file: AsyncIterable<unknown>, position: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let at = 0;
  for await (const chunk of file as AsyncIterable<Buffer>) {
    const wanted = chunk.subarray(Math.max(0, position - at), Math.max(0, position + READ_AT_ONCE - at));
    if (wanted.length > 0) chunks.push(wanted);
    at += chunk.length;
    if (at >= position + READ_AT_ONCE) break;
  }
  return Buffer.concat(chunks);
}

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
