import { END_MARK } from '@crewtab/api-contract/run-routes';
import type { Message } from '@crewtab/domain/runs/message';
import type { Run } from '@crewtab/domain/runs/run';
import type { HttpDeps } from '../http-deps';
import type { News } from '../streams/live-streams';
import type { SseWriter } from '../streams/sse-writer';
import { toMessageView, toRunView } from './run-view';

/** Messages that are held in memory at a time; their bytes are limited by the store. */
const MAX_PAGE = 100;

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
    for (let hasMore = true; hasMore;) {
      const request = { limit: MAX_PAGE, contents: 'whole' } as const;
      const page = await this.deps.runs.listMessages(organizationId, runId, this.lastSeq, request);
      for (const message of page?.items ?? []) {
        if (this.writer.isClosed) return;
        await this.sendMessage(message);
      }
      hasMore = page?.hasMore ?? false;
    }
  }

  private async sendMessage(message: Message): Promise<void> {
    await this.writer.send('message', String(message.seq), toMessageView(message));
    this.lastSeq = message.seq;
  }
}
