import type { IncomingMessage } from 'node:http';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { AgentProcess, OutputLine } from '@crewtab/domain/ports/runtime';
import { LineSplitter } from '@crewtab/domain/runs/agent-output';
import {
  confirmEnd,
  requestLog,
  LogFrameDecoder,
  readEntry,
  statIn,
  withFirstEntry,
  inspectContainer,
  processOf,
  wasStarted,
} from '../agents/containers';
import type { ContainerOutput } from './plain-output';
import {
  type EngineClient,
  sortEngineError,
  toAppError,
  unreachable,
  withinLimit,
  EngineRefusal,
} from '../engine/engine-client';
import {
  RecordReader,
  type Foreign,
  type GuardRecord,
  KEPT_END,
  KEPT_OUTPUT,
  keptExitCode,
} from '@crewtab/agent-guard/guard-records';
import type { Readable } from 'node:stream';
import { AppError } from '@crewtab/domain/errors';
import type Docker from 'dockerode';
import { wasThereAt } from '../engine/engine-memory';
import { isGuarded } from '../agents/container-spec';

/** A log that brings nothing for so long, though the guard has kept more, has lost it; ms. */
const LOG_STALL_MS = 500;

/** What is not on stdout, where all records are: why the guard or the engine's init could not start the agent. */
interface Diagnostic {
  readonly kind: 'diagnostic';
  readonly bytes: Buffer;
}

/**
 * What an agent under a guard says. The log brings it as it happens; what the log lacks, because its engine ended before it
 * had written it down, is read from the file that the guard keeps. Records come twice then, and are known by their position.
 */
export class GuardedOutput implements ContainerOutput {
  ended: AgentProcess['status'] | null = null;
  private isClosed = false;
  /** All records before it were given. */
  private position = 0;
  private isWhole = false;
  /** The log once more. */
  private rest: IncomingMessage | null = null;
  /** Bytes of diagnostics that were given, and of those that the log brings once more. */
  private readonly diagnostics = { given: 0, again: 0 };
  private readonly lineEnds: Readonly<Record<OutputLine['stream'], LineSplitter>>;

  private constructor(
    private readonly engine: EngineClient,
    private readonly handle: string,
    private readonly log: IncomingMessage,
    private readonly kept: KeptOutput,
    /** Bytes that the guard had kept when the log was asked for: the log brings so much, or has lost it. */
    private owed: number,
    private readonly logger: Logger | undefined,
    longestLineBytes: number | undefined,
  ) {
    this.lineEnds = { stdout: new LineSplitter(longestLineBytes), stderr: new LineSplitter(longestLineBytes) };
  }

  static async open(
    engine: EngineClient,
    handle: string,
    log: IncomingMessage,
    {
      logger,
      longestLineBytes,
    }: { readonly logger?: Logger | undefined; readonly longestLineBytes?: number | undefined },
  ): Promise<GuardedOutput> {
    const kept = new KeptOutput(engine, handle);
    return new GuardedOutput(engine, handle, log, kept, await kept.size(), logger, longestLineBytes);
  }

  async *lines(): AsyncGenerator<OutputLine> {
    yield* this.follow(this.log);
    if (this.isClosed) return;
    this.ended = await confirmEnd(this.engine, this.handle);
    if (this.ended === 'exited' && !this.isWhole) yield* this.catchUp();
    if (this.isClosed) return;
    for (const stream of ['stdout', 'stderr'] as const) {
      const last = this.lineEnds[stream].end();
      if (last) yield { stream, ...last };
    }
  }

  close(): void {
    this.isClosed = true;
    this.log.destroy();
    this.rest?.destroy();
  }

  /** The end is missing: it is in the file; or in the log, which may have ended before its last entries were sent. */
  private async *catchUp(): AsyncGenerator<OutputLine> {
    yield* this.readKept(Infinity);
    if (this.isWhole || this.isClosed) return;
    this.rest = await requestLog(this.engine, this.handle);
    this.diagnostics.again = this.diagnostics.given;
    if (this.rest) yield* this.follow(this.rest);
  }

  private async *follow(log: IncomingMessage): AsyncGenerator<OutputLine> {
    const frames = new LogFrameDecoder();
    const records = new RecordReader();
    for await (const chunk of this.chunks(log)) {
      if (chunk === 'stalled') yield* this.payOwed();
      else {
        for (const record of recordsOf(frames.push(chunk), records)) {
          if ('position' in record && record.position > this.position) yield* this.fill(record.position);
          yield* this.accept(record);
        }
      }
      if (this.isClosed) return;
    }
    if (!this.isClosed && !frames.isAtBoundary) throw unreachable('follow the log', 'it ended in the middle of a line');
  }

  private async *chunks(from: IncomingMessage): AsyncGenerator<Buffer | 'stalled'> {
    const log = (from as AsyncIterable<Buffer>)[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>;
    try {
      for (let next = log.next(); ;) {
        // A reader that closes the output while the log is stalled abandons this promise.
        next.catch(() => undefined);
        const got = this.position < this.owed ? await orStalled(next) : await next;
        if (this.isClosed || (got !== 'stalled' && got.done)) return;
        yield got === 'stalled' ? got : got.value;
        if (got !== 'stalled') next = log.next();
      }
    } catch (error) {
      if (!this.isClosed) throw toAppError(sortEngineError(error, 'follow the log'));
    }
  }

  private *accept(record: GuardRecord | Foreign | Diagnostic): Generator<OutputLine> {
    switch (record.kind) {
      case 'foreign':
        return;
      case 'diagnostic':
        yield* this.giveDiagnostic(record.bytes);
        return;
      default:
        if (record.position < this.position) return;
        this.position = record.end;
        if (record.kind === 'end') this.isWhole = true;
        else yield* this.give(record.stream, record.bytes);
    }
  }

  private *giveDiagnostic(bytes: Buffer): Generator<OutputLine> {
    const again = Math.min(this.diagnostics.again, bytes.length);
    this.diagnostics.again -= again;
    this.diagnostics.given += bytes.length - again;
    yield* this.give('stderr', bytes.subarray(again));
  }

  private *give(stream: OutputLine['stream'], bytes: Buffer): Generator<OutputLine> {
    for (const line of this.lineEnds[stream].push(bytes)) yield { stream, ...line };
  }

  /** The last of it may be a record that was just being written: that one is still to come. */
  private async *payOwed(): AsyncGenerator<OutputLine> {
    yield* this.readKept(this.owed);
    this.owed = this.position;
  }

  /** Gives what lies before a record. What the file lacks too is lost, and a line says so in its place. */
  private async *fill(position: number): AsyncGenerator<OutputLine> {
    yield* this.readKept(position);
    if (position <= this.position || this.isClosed) return;
    const notice = `crewtab: the container engine lost about ${position - this.position} bytes of output here\n`;
    this.position = position;
    yield* this.give('stderr', Buffer.from(notice));
  }

  /** From the file, up to a position or the end of it. */
  private async *readKept(until: number): AsyncGenerator<OutputLine> {
    const from = this.position;
    yield* this.acceptKept(until);
    const bytes = this.position - from;
    if (bytes > 0) this.logger?.info({ container: this.handle, bytes }, 'read output that the log of its engine lacks');
  }

  /** The agent can write to the file and spoil it: what is not the next record ends the reading. */
  private async *acceptKept(until: number): AsyncGenerator<OutputLine> {
    const records = new RecordReader();
    let at = this.position;
    while (this.position < until && !this.isClosed) {
      const bytes = await this.kept.read(at);
      if (bytes.length === 0) return;
      at += bytes.length;
      for (const record of records.push(bytes)) {
        if (this.position >= until || record.kind === 'foreign' || record.position !== this.position) return;
        yield* this.accept(record);
      }
    }
  }
}

function* recordsOf(
  frames: Iterable<{ readonly stream: OutputLine['stream']; readonly bytes: Buffer }>,
  records: RecordReader,
): Generator<GuardRecord | Foreign | Diagnostic> {
  for (const { stream, bytes } of frames) {
    if (stream === 'stdout') yield* records.push(bytes);
    else yield { kind: 'diagnostic', bytes };
  }
}

async function orStalled<T>(next: Promise<T>): Promise<T | 'stalled'> {
  let timer: NodeJS.Timeout | undefined;
  const stalled = new Promise<'stalled'>((resolve) => {
    timer = setTimeout(() => resolve('stalled'), LOG_STALL_MS);
  });
  try {
    return await Promise.race([next, stalled]);
  } finally {
    clearTimeout(timer);
  }
}

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

  /** The exit code of an agent of which every word is kept. Null before, and where the guard was killed or the disk full. */
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
