import type { PositionedRunEvent, RunEventType } from '../runs/run-event';
import type { Subscription } from './runtime';

/**
 * What happened to runs, in one order for all readers. An event gets its position after its transaction has committed, by
 * one transaction at a time, so a reader that has everything up to a position never meets an event at or before it later.
 * A transaction that stays open delays its own events and no others. A reader holds up no writer.
 */
export interface RunEventLog {
  /**
   * Gives positions to the oldest events that have none, at most `limit`, and answers with these. Each event is answered
   * once over all processes, unless the answer is lost. Idempotent; empty when there is nothing to do.
   */
  number(limit: number): Promise<PositionedRunEvent[]>;

  /** Events with a position behind `after` that fit the filter, oldest first. Looks at a bounded number of events. */
  read(filter: RunEventFilter, after: number): Promise<RunEventPage>;

  /** The newest position that was given, and the instant of its event; what to follow from, in order to see what comes. */
  end(): Promise<EventCursor>;

  /** Whether the event that the cursor names still is what it was. False: removed since, or this database was restored. */
  holds(cursor: EventCursor): Promise<boolean>;

  /** Called when events may wait for a position (a hint, which can be lost: look from time to time as well). */
  onWritten(listener: () => void): Promise<Subscription>;
  /** Called when there may be more to read (a hint as well). */
  onNumbered(listener: () => void): Promise<Subscription>;
}

export interface RunEventFilter {
  readonly organizationId: string;
  readonly scheduleId?: string;
  readonly type?: RunEventType;
}

export interface RunEventPage {
  readonly events: readonly PositionedRunEvent[];
  /** Everything up to here was looked at: where the next page begins. */
  readonly upTo: number;
  readonly hasMore: boolean;
}

/** A position, and the instant of the event there: a position alone could mean another event in a restored database. */
export interface EventCursor {
  readonly position: number;
  /** Null at position 0, and where the event has been removed. */
  readonly at: Date | null;
}
