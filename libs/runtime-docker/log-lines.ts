import type { OutputLine } from '@crewtab/domain/ports/runtime';
import { LineSplitter } from '@crewtab/domain/runs/line-splitter';
import { LogFrameDecoder } from './log-frames';

/** The lines of both streams of a container's log. */
export class LogLines {
  private frames = new LogFrameDecoder();
  private readonly splitters = { stdout: new LineSplitter(), stderr: new LineSplitter() };
  private readonly seenBytes = { stdout: 0, stderr: 0 };
  private skipBytes = { stdout: 0, stderr: 0 };

  /** True where the log may end without having lost a part of an entry. */
  get isAtBoundary(): boolean {
    return this.frames.isAtBoundary;
  }

  *push(chunk: Buffer): Generator<OutputLine> {
    for (const { stream, bytes } of this.frames.push(chunk)) {
      const skipped = Math.min(this.skipBytes[stream], bytes.length);
      this.skipBytes[stream] -= skipped;
      if (skipped === bytes.length) continue;
      this.seenBytes[stream] += bytes.length - skipped;
      for (const line of this.splitters[stream].push(bytes.subarray(skipped))) yield { stream, ...line };
    }
  }

  /** The same log is read again from its beginning: what was seen is skipped. */
  again(): this {
    this.frames = new LogFrameDecoder();
    this.skipBytes = { ...this.seenBytes };
    return this;
  }

  /** The unterminated last lines of a log that is complete. */
  *end(): Generator<OutputLine> {
    for (const stream of ['stdout', 'stderr'] as const) {
      const last = this.splitters[stream].end();
      if (last) yield { stream, ...last };
    }
  }
}
