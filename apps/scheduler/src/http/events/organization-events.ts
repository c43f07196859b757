import type { OnModuleDestroy } from '@nestjs/common';
import { formatEventCursor, type RunEventView } from '@crewtab/api-contract/event-routes';
import type { EventCursor, RunEventFilter } from '@crewtab/domain/ports/run-event-log';
import type { PositionedRunEvent } from '@crewtab/domain/runs/run-event';
import type { Response } from 'express';
import type { HttpDeps } from '../http-deps';
import { ChangeHub } from '../streams/change-hub';
import { LiveStreams, type News } from '../streams/live-streams';
import type { SseWriter } from '../streams/sse-writer';

/** All streams of organizations' events of this process. When it shuts down they are ended. */
export class OrganizationEvents implements OnModuleDestroy {
  private readonly streams: LiveStreams<null>;

  constructor(private readonly deps: Pick<HttpDeps, 'events' | 'clock' | 'logger'>) {
    this.streams = new LiveStreams(deps, new ChangeHub((tell) => deps.events.onNumbered(() => tell(null))));
  }

  /** How many clients are watching. */
  get openStreams(): number {
    return this.streams.size;
  }

  /** @param after what the client has last; null: it wants what comes from now on */
  stream(filter: RunEventFilter, after: EventCursor | null, response: Response): Promise<void> {
    const { organizationId } = filter;
    return this.streams.serve(response, { key: null, about: { organizationId } }, (writer, news) =>
      this.send(filter, after, writer, news),
    );
  }

  onModuleDestroy(): Promise<void> {
    return this.streams.close();
  }

  /** One page is in memory at a time, and the next is read when the client has taken this one. */
  private async send(filter: RunEventFilter, after: EventCursor | null, writer: SseWriter, news: News): Promise<void> {
    let position = await this.begin(after, writer);
    while (!writer.isClosed) {
      news.take();
      const { events, upTo, hasMore } = await this.deps.events.read(filter, position);
      for (const event of events) {
        if (writer.isClosed) return;
        await writer.send(event.type, formatEventCursor(event), toEventView(event));
      }
      position = upTo;
      if (!hasMore) await news.wait();
    }
  }

  /** Where to read from. A client is told its place unless it has one that still means what it meant. */
  private async begin(after: EventCursor | null, writer: SseWriter): Promise<number> {
    if (after && (await this.deps.events.holds(after))) return after.position;
    const end = await this.deps.events.end();
    const id = formatEventCursor(end);
    await writer.send(after ? 'reset' : 'position', id, { position: id });
    return end.position;
  }
}

function toEventView({ type, at, scheduleId, runId, data }: PositionedRunEvent): RunEventView {
  return { type, at: at.toISOString(), scheduleId, runId, data };
}
