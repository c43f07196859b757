import type { OnModuleDestroy } from '@nestjs/common';
import type { Response } from 'express';
import type { HttpDeps } from '../http-deps';
import { RunChangeHub } from './run-change-hub';
import { RunEventStream, type StreamPosition } from './run-event-stream';
import { SseWriter } from './sse-writer';

/** All live views of this process. When it shuts down they are ended, so that their clients go to another one. */
export class RunEvents implements OnModuleDestroy {
  private readonly hub: RunChangeHub;
  private readonly writers = new Set<SseWriter>();

  constructor(private readonly deps: Pick<HttpDeps, 'runs' | 'clock' | 'logger' | 'runChanges'>) {
    this.hub = new RunChangeHub(deps.runChanges);
  }

  /** How many clients are watching. */
  get openStreams(): number {
    return this.writers.size;
  }

  /** Throws only before the first byte; later failures break the stream off, and the client resumes where it was. */
  async stream(position: StreamPosition, response: Response): Promise<void> {
    const writer = new SseWriter(response);
    const stream = new RunEventStream(this.deps, position, writer);
    const stopListening = await this.hub.listen(position.runId, () => stream.lookAgain());
    this.writers.add(writer);
    try {
      await writer.open();
      await stream.run();
      writer.end();
    } catch (error) {
      this.deps.logger.warn({ runId: position.runId, error }, 'a live view broke off; its client will resume');
      writer.abort();
    } finally {
      stopListening();
      this.writers.delete(writer);
    }
  }

  async onModuleDestroy(): Promise<void> {
    for (const writer of this.writers) writer.end();
    await this.hub.close();
  }
}
