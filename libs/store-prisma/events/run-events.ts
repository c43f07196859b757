import type { EventCursor, RunEventFilter, RunEventLog, RunEventPage } from '@crewtab/domain/ports/run-event-log';
import type { Subscription } from '@crewtab/domain/ports/runtime';
import type { PositionedRunEvent, RunEventData, RunEventType } from '@crewtab/domain/runs/run-event';
import {
  type Database,
  type Statement,
  RUN_EVENTS_NUMBERED,
  RUN_EVENTS_WRITTEN,
  type Notifications,
  RUN_CHANGED,
} from '../database/database';
import { effect } from '@crewtab/domain/failpoint';
import type { Logger } from '@crewtab/domain/ports/logger';

/** How many events one page looks at, whatever its filter lets through. */
const LOOKED_AT = 500;

/** One transaction by itself: see `crewtab_number_run_events` in the migration. Its NOTIFY leaves with its commit. */
const NUMBER: Statement = { name: 'run_events_number', text: 'SELECT * FROM crewtab_number_run_events($1)' };

const READ: Statement = {
  name: 'run_events_read',
  text: `WITH looked AS MATERIALIZED (
      SELECT * FROM run_events WHERE position > $2 ORDER BY position LIMIT ${LOOKED_AT}),
    bounds AS (SELECT max(position) AS up_to, count(*)::int AS looked_at FROM looked)
    SELECT bounds.up_to, bounds.looked_at, e.* FROM bounds
    LEFT JOIN looked e ON e.organization_id = $1 AND ($3::uuid IS NULL OR e.schedule_id = $3::uuid)
      AND ($4::text IS NULL OR e.type = $4::text)
    ORDER BY e.position`,
};

const END: Statement = {
  name: 'run_events_end',
  text: `SELECT l.last_position, e.at FROM run_event_log l LEFT JOIN run_events e ON e.position = l.last_position`,
};

const HOLDS: Statement = {
  name: 'run_events_holds',
  text: `SELECT l.last_position >= $1::bigint
      AND (SELECT e.at FROM run_events e WHERE e.position = $1::bigint) IS NOT DISTINCT FROM $2::timestamptz AS holds
    FROM run_event_log l`,
};

/** int8 comes as text. */
interface EventRow {
  readonly organization_id: string;
  readonly schedule_id: string | null;
  readonly run_id: string;
  readonly type: RunEventType;
  readonly at: Date;
  readonly data: RunEventData;
  readonly position: string;
}

interface PageBounds {
  /** Null when there was nothing to look at. */
  readonly up_to: string | null;
  readonly looked_at: number;
}

export class PrismaRunEventLog implements RunEventLog {
  constructor(
    private readonly db: Database,
    private readonly notifications: Notifications,
  ) {}

  async number(limit: number): Promise<PositionedRunEvent[]> {
    const rows = await this.db.query<EventRow>(NUMBER, [limit]);
    return rows.map(toEvent);
  }

  async read({ organizationId, scheduleId, type }: RunEventFilter, after: number): Promise<RunEventPage> {
    const values = [organizationId, after, scheduleId ?? null, type ?? null];
    const rows = await this.db.query<PageBounds & (EventRow | { readonly position: null })>(READ, values);
    const events = rows.flatMap((row) => (row.position === null ? [] : toEvent(row)));
    const [bounds] = rows;
    return { events, upTo: Number(bounds?.up_to ?? after), hasMore: bounds?.looked_at === LOOKED_AT };
  }

  async end(): Promise<EventCursor> {
    const [row] = await this.db.query<{ last_position: string; at: Date | null }>(END);
    return { position: Number(row?.last_position ?? 0), at: row?.at ?? null };
  }

  async holds({ position, at }: EventCursor): Promise<boolean> {
    const [row] = await this.db.query<{ holds: boolean }>(HOLDS, [position, at]);
    return row?.holds ?? false;
  }

  onWritten(listener: () => void): Promise<Subscription> {
    return this.notifications.subscribe(RUN_EVENTS_WRITTEN, () => listener());
  }

  onNumbered(listener: () => void): Promise<Subscription> {
    return this.notifications.subscribe(RUN_EVENTS_NUMBERED, () => listener());
  }
}

function toEvent(row: EventRow): PositionedRunEvent {
  return {
    organizationId: row.organization_id,
    scheduleId: row.schedule_id,
    runId: row.run_id,
    type: row.type,
    at: row.at,
    data: row.data,
    position: Number(row.position),
  };
}

/** Changes of one run within this time are one notification, ms. */
const GATHER_MS = 20;

const NOTIFY: Statement = {
  name: 'run_changed_notify',
  text: `SELECT pg_notify('${RUN_CHANGED}', run_id::text) FROM unnest($1::uuid[]) AS changed(run_id)
    UNION ALL
    SELECT pg_notify('${RUN_EVENTS_WRITTEN}', '') WHERE EXISTS (SELECT 1 FROM run_events WHERE position IS NULL)`,
};

/**
 * Tells live views that runs changed, and readers of events that there are some, just after the commit instead of in it:
 * Postgres lets transactions that notify commit one after the other only, and a run's life has many of them. A crash in
 * between loses a hint, nothing more.
 */
export class RunChanges {
  private readonly changed = new Set<string>();
  private timer: NodeJS.Timeout | null = null;
  private sending: Promise<void> = Promise.resolve();

  constructor(
    private readonly db: Database,
    private readonly logger: Logger | null,
  ) {}

  /** Without a run: no view can watch these yet, but their events are there. */
  touch(...runIds: readonly string[]): void {
    for (const runId of runIds) this.changed.add(runId);
    this.timer ??= setTimeout(() => void this.flush(), GATHER_MS);
  }

  /** Resolves when the changes so far have been sent. Never rejects: these are hints. */
  flush(): Promise<void> {
    if (this.timer) {
      clearTimeout(this.timer);
      this.timer = null;
      const runIds = [...this.changed];
      this.changed.clear();
      this.sending = this.sending.then(() => this.send(runIds));
    }
    return this.sending;
  }

  private async send(runIds: readonly string[]): Promise<void> {
    try {
      await effect('postgres.run-changed.notify', () => this.db.query(NOTIFY, [runIds]));
    } catch (error) {
      this.logger?.debug({ runs: runIds.length, error: String(error) }, 'live views were not told of changed runs');
    }
  }
}
