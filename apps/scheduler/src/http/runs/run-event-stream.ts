import { END_MARK } from '@crewtab/api-contract/run-routes';
import type { Run } from '@crewtab/domain/runs/run';
import type { HttpDeps } from '../http-deps';
import type { News } from '../streams/live-streams';
import type { SseWriter } from '../streams/sse-writer';
import { toMessageView, toRunView } from './run-view';

const MAX_PAGE = 100;
/** About how much of a conversation is held in memory at a time; single messages may be larger. */
const PAGE_BYTES = 4 * 1024 ** 2;

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
  private pageSize = MAX_PAGE;

  constructor(
    private readonly deps: Pick<HttpDeps, 'runs'>,
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
      const run = await this.deps.runs.getRun(this.position.organizationId, this.position.runId);
      if (!run) return;
      // Read before the messages: a run that is finished gets no more of them, so these are all.
      const isOver = run.phase === 'finished';
      if (!isOver) await this.sendRun(run, '');
      await this.sendMessages();
      if (isOver) return this.sendRun(run, END_MARK);
      await this.news.wait();
    }
  }

  /** Its id is the seq before it, so that a client that resumes from it misses no message. */
  private async sendRun(run: Run, mark: string): Promise<void> {
    const { status, phase, cancelRequestedAt, teardown } = run;
    const state = JSON.stringify([status, phase, cancelRequestedAt, teardown.failedAttempts, teardown.receipt]);
    if (state === this.lastRun) return;
    this.lastRun = state;
    await this.writer.send('run', `${this.lastSeq}${mark}`, toRunView(run));
  }

  private async sendMessages(): Promise<void> {
    const { organizationId, runId } = this.position;
    for (;;) {
      const messages = (await this.deps.runs.listMessages(organizationId, runId, this.lastSeq, this.pageSize)) ?? [];
      const isLast = messages.length < this.pageSize;
      let bytes = 0;
      for (const message of messages) {
        if (this.writer.isClosed) return;
        bytes += await this.sendMessage(message);
      }
      this.fitPage(messages.length, bytes);
      if (isLast) return;
    }
  }

  private async sendMessage(message: Parameters<typeof toMessageView>[0]): Promise<number> {
    const bytes = await this.writer.send('message', String(message.seq), toMessageView(message));
    this.lastSeq = message.seq;
    return bytes;
  }

  /** Pages get small where messages are large. */
  private fitPage(messages: number, bytes: number): void {
    if (messages === 0) return;
    const fitting = Math.floor((PAGE_BYTES * messages) / Math.max(1, bytes));
    this.pageSize = Math.min(MAX_PAGE, Math.max(1, fitting));
  }
}
