import type { Clock } from '@crewtab/domain/ports/clock';
import type { LogFields, Logger } from '@crewtab/domain/ports/logger';
import type { Response } from 'express';
import type { ChangeHub } from './change-hub';
import { SseWriter } from './sse-writer';

/** Idle time after which a heartbeat is sent, and a stream looks by itself in case a notification was lost. */
const HEARTBEAT_MS = 15_000;

/** Whether there may be more to send: notifications only say "look again". */
export class News {
  private hasNews = false;
  private wake: (() => void) | null = null;

  constructor(
    private readonly clock: Clock,
    private readonly writer: SseWriter,
  ) {
    writer.onClose(() => this.lookAgain());
  }

  /** Something may have changed, or the client is gone. */
  lookAgain(): void {
    this.hasNews = true;
    this.wake?.();
  }

  /** Call it before each look: what comes from here on is news. */
  take(): void {
    this.hasNews = false;
  }

  /** Resolves when it is time to look again. */
  async wait(): Promise<void> {
    if (this.hasNews || this.writer.isClosed) return;
    const isIdle = await new Promise<boolean>((resolve) => {
      const cancelTimer = this.clock.after(HEARTBEAT_MS, () => resolve(true));
      this.wake = () => {
        cancelTimer();
        resolve(false);
      };
    });
    this.wake = null;
    if (isIdle) await this.writer.heartbeat();
  }
}

/** Streams of one kind that are open in this process. */
export class LiveStreams<Key> {
  private readonly writers = new Set<SseWriter>();

  constructor(
    private readonly deps: { readonly clock: Clock; readonly logger: Logger },
    private readonly hub: ChangeHub<Key>,
  ) {}

  get size(): number {
    return this.writers.size;
  }

  /**
   * Sends what `send` sends, which resolves when all was said or the client is gone. Throws only before the first byte;
   * later failures break the stream off, and the client resumes where it was.
   */
  async serve(
    response: Response,
    { key, about }: { readonly key: Key; readonly about: LogFields },
    send: (writer: SseWriter, news: News) => Promise<void>,
  ): Promise<void> {
    const writer = new SseWriter(response);
    const news = new News(this.deps.clock, writer);
    const stopListening = await this.hub.listen(key, () => news.lookAgain());
    this.writers.add(writer);
    try {
      await writer.open();
      await send(writer, news);
      writer.end();
    } catch (error) {
      this.deps.logger.warn({ ...about, error }, 'a live view broke off; its client will resume');
      writer.abort();
    } finally {
      stopListening();
      this.writers.delete(writer);
    }
  }

  /** Ends all of them, so that their clients go to another process. */
  async close(): Promise<void> {
    for (const writer of this.writers) writer.end();
    await this.hub.close();
  }
}
