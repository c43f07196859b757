import { END_MARK } from '@crewtab/api-contract/run-routes';
import type { News } from '../streams/live-streams';
import { encodeEvent, type SseWriter } from '../streams/sse-writer';
import type { ReadRun, RunReads } from './run-reads';

export interface StreamPosition {
  readonly organizationId: string;
  readonly runId: string;
  /** The client has everything up to this seq. */
  readonly after: number;
}

/**
 * Sends one client the conversation of a run from a seq on, and the run whenever it moved. Stored and live part are
 * one loop: notifications only say "look again", and what is sent is always read from the database behind the last seq
 * that was sent. So there is neither a gap nor a double at the seam.
 */
export class RunEventStream {
  private lastSeq: number;
  private lastRun = '';

  constructor(
    private readonly reads: RunReads,
    private readonly position: StreamPosition,
    private readonly writer: SseWriter,
    private readonly news: News,
  ) {
    this.lastSeq = position.after;
  }

  /** Resolves when the run is finished and all of it was sent, or when the client is gone. */
  async run(): Promise<void> {
    while (!this.writer.isClosed) {
      this.news.take();
      const read = await this.reads.run(this.position.organizationId, this.position.runId);
      if (!read) return;
      // Read before the messages: a run that is finished gets no more of them, so these are all.
      const isOver = read.run.phase === 'finished';
      if (!isOver) await this.sendRun(read, '');
      await this.sendMessages();
      if (isOver) return this.sendRun(read, END_MARK);
      await this.news.wait();
    }
  }

  /** Its id is the seq before it, so that a client that resumes from it misses no message. */
  private async sendRun({ run, json }: ReadRun, mark: string): Promise<void> {
    const { status, phase, cancelRequestedAt, teardown, usage } = run;
    const state = JSON.stringify([status, phase, cancelRequestedAt, teardown.failedAttempts, teardown.receipt, usage]);
    if (state === this.lastRun) return;
    this.lastRun = state;
    await this.writer.sendEncoded(encodeEvent('run', `${this.lastSeq}${mark}`, json));
  }

  private async sendMessages(): Promise<void> {
    const { organizationId, runId } = this.position;
    for (let hasMore = true; hasMore;) {
      const page = await this.reads.messages(organizationId, runId, this.lastSeq);
      for (const { seq, chunk } of page.messages) {
        if (this.writer.isClosed) return;
        await this.writer.sendEncoded(chunk);
        this.lastSeq = seq;
      }
      hasMore = page.hasMore;
    }
  }
}
