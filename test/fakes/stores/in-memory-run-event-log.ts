import type { EventCursor, RunEventFilter, RunEventLog, RunEventPage } from '@crewtab/domain/ports/run-event-log';
import type { Subscription } from '@crewtab/domain/ports/runtime';
import type { PositionedRunEvent, RunEvent } from '@crewtab/domain/runs/run-event';
import { Listeners } from './listeners';

/** How many events one page looks at. */
const LOOKED_AT = 1_000;

/** The log without a database: what is appended is committed, and waits for its position. */
export class InMemoryRunEventLog implements RunEventLog {
  private readonly appended: RunEvent[] = [];
  private readonly positioned: PositionedRunEvent[] = [];
  private readonly written = new Listeners<undefined>();
  private readonly numbered = new Listeners<undefined>();

  // For stores and tests

  append(events: readonly RunEvent[]): void {
    this.appended.push(...events);
    if (events.length > 0) this.written.notify(undefined);
  }

  /** Every event, numbered or not, in the order of the changes. */
  all(): readonly RunEvent[] {
    return this.appended;
  }

  /** As if a backup had been restored in which this was the newest position. */
  restoreTo(position: number): void {
    this.appended.length = position;
    this.positioned.length = position;
  }

  // The port

  number(limit: number): Promise<PositionedRunEvent[]> {
    const first = this.positioned.length;
    const fresh = this.appended
      .slice(first, first + limit)
      .map((event, index) => ({ ...event, position: first + index + 1 }));
    this.positioned.push(...fresh);
    if (fresh.length > 0) this.numbered.notify(undefined);
    return Promise.resolve(fresh);
  }

  read({ organizationId, scheduleId, type }: RunEventFilter, after: number): Promise<RunEventPage> {
    const lookedAt = this.positioned.slice(after, after + LOOKED_AT);
    const events = lookedAt.filter(
      (event) =>
        event.organizationId === organizationId &&
        (scheduleId === undefined || event.scheduleId === scheduleId) &&
        (type === undefined || event.type === type),
    );
    return Promise.resolve({
      events,
      upTo: lookedAt.at(-1)?.position ?? after,
      hasMore: lookedAt.length === LOOKED_AT,
    });
  }

  end(): Promise<EventCursor> {
    const last = this.positioned.at(-1);
    return Promise.resolve({ position: last?.position ?? 0, at: last?.at ?? null });
  }

  holds({ position, at }: EventCursor): Promise<boolean> {
    const isGiven = position <= this.positioned.length;
    return Promise.resolve(isGiven && this.positioned[position - 1]?.at.getTime() === at?.getTime());
  }

  onWritten(listener: () => void): Promise<Subscription> {
    return Promise.resolve(this.written.add(() => listener()));
  }

  onNumbered(listener: () => void): Promise<Subscription> {
    return Promise.resolve(this.numbered.add(() => listener()));
  }
}
