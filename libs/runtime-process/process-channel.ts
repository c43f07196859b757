import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { openAgentFile } from '@crewtab/agent-files/open-agent-file';
import { AppError } from '@crewtab/domain/errors';
import type { AgentChannel, OutputLine } from '@crewtab/domain/ports/runtime';
import { LineSplitter } from '@crewtab/domain/runs/agent-output';
import type { AgentState } from './agent-state';
import { ChangeSignal } from './change-signal';
import { InputPipe } from './input-pipe';

/** Small, so that the lines of one piece are done with in a moment. */
const READ_BYTES = 64 * 1024;
/** How often to look whether an idle agent still lives, for the case that its supervisor was killed, ms. */
const LIVENESS_MS = 1_000;

/** One file that an agent writes its output to, read from the beginning. */
interface Source {
  readonly stream: OutputLine['stream'];
  readonly file: FileHandle;
  readonly lines: LineSplitter;
  position: number;
}

/** Reads an agent's output files as they grow, and writes to its stdin. */
export class ProcessChannel implements AgentChannel {
  readonly output: AsyncIterable<OutputLine>;
  private readonly input: InputPipe;
  private signal: ChangeSignal | null = null;
  private sources: readonly Source[] = [];
  private isClosed = false;
  private lookedAtMs = 0;

  constructor(
    private readonly state: AgentState,
    inputTimeoutMs: number,
    private readonly onClose: (channel: ProcessChannel) => void,
    private readonly longestLineBytes?: number,
  ) {
    this.input = new InputPipe(state.agentDir, inputTimeoutMs);
    this.output = { [Symbol.asyncIterator]: () => this.read() };
  }

  write(data: string): Promise<void> {
    return this.input.write(data);
  }

  endInput(): Promise<void> {
    return this.input.endInput();
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.input.close();
    this.signal?.close();
    // A reader that stopped in the middle never comes back to do it.
    void this.closeSources();
    this.onClose(this);
  }

  private async *read(): AsyncGenerator<OutputLine> {
    try {
      yield* this.follow();
    } catch (error) {
      if (this.isClosed) return;
      if (error instanceof AppError) throw error;
      const message = `could not read the agent's output: ${(error as Error).message}`;
      throw new AppError('engine_unreachable', message, { retryable: true, cause: error });
    }
  }

  private async *follow(): AsyncGenerator<OutputLine> {
    await this.openSources();
    const { sources } = this;
    const { agentDir, stateDir } = this.state;
    const signal = new ChangeSignal([join(agentDir, 'stdout'), join(agentDir, 'stderr'), stateDir]);
    this.signal = signal;
    try {
      while (!this.isClosed) {
        // Asked before reading: what is read afterwards is then all there is.
        const hasEnded = await this.hasEnded();
        let hasRead = false;
        for (const { source, end } of await measure(sources)) {
          for (let bytes = await readSome(source, end); bytes; bytes = await readSome(source, end)) {
            hasRead = true;
            for (const line of source.lines.push(bytes)) {
              if (this.isClosed) return;
              yield { stream: source.stream, ...line };
            }
          }
        }
        if (hasEnded) {
          yield* lastLines(sources);
          return;
        }
        if (!hasRead) await signal.wait();
      }
    } finally {
      signal.close();
      await this.closeSources();
    }
  }

  /** The record of the end is looked for each time, the process itself only now and then. */
  private async hasEnded(): Promise<boolean> {
    if ((await this.state.exit()) !== null) return true;
    if (performance.now() - this.lookedAtMs < LIVENESS_MS) return false;
    const { status } = await this.state.inspect();
    this.lookedAtMs = performance.now();
    return status === 'exited' || status === 'absent';
  }

  /** None where the agent's directory is gone. */
  private async openSources(): Promise<void> {
    for (const stream of ['stdout', 'stderr'] as const) {
      const file = await openAgentFile(join(this.state.agentDir, stream));
      const lines = new LineSplitter(this.longestLineBytes);
      if (file) this.sources = [...this.sources, { stream, file, lines, position: 0 }];
    }
    if (this.isClosed) await this.closeSources();
  }

  private async closeSources(): Promise<void> {
    const { sources } = this;
    this.sources = [];
    await Promise.all(sources.map(({ file }) => file.close()));
  }
}

/**
 * How far to read each in this iteration, stderr first: what an agent wrote to stderr before a line on stdout comes before
 * that line, so that nothing of it is missing when the line ends the work.
 */
async function measure(sources: readonly Source[]): Promise<{ source: Source; end: number }[]> {
  const spans: { source: Source; end: number }[] = [];
  for (const source of sources) spans.unshift({ source, end: (await source.file.stat()).size });
  return spans;
}

/** Null at `end`. */
async function readSome(source: Source, end: number): Promise<Buffer | null> {
  if (end <= source.position) return null;
  const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, end - source.position));
  const { bytesRead } = await source.file.read(buffer, 0, buffer.length, source.position);
  source.position += bytesRead;
  return bytesRead === 0 ? null : buffer.subarray(0, bytesRead);
}

function* lastLines(sources: readonly Source[]): Generator<OutputLine> {
  for (const { stream, lines } of sources) {
    const line = lines.end();
    if (line) yield { stream, ...line };
  }
}
