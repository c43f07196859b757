import type { DeletedBatch, HistoryKind, RetentionStore } from '@crewtab/domain/ports/retention-store';
import { type Database, type Statement, LOWEST_ID } from '../database/database';

/** The function checks each run again: the migration `retention` says what it leaves. */
const DELETE_HISTORY: Statement = {
  name: 'retention_delete_history',
  text: `SELECT deleted_runs, deleted_messages, reached FROM crewtab_delete_history($1, $2::float8 * interval '1 millisecond', $3, $4)`,
};

const DELETE_EVENTS: Statement = {
  name: 'retention_delete_events',
  text: `SELECT deleted_events, reached FROM crewtab_delete_run_events($1::float8 * interval '1 millisecond', $2, $3)`,
};

interface DeletedRow {
  readonly deleted_runs: number;
  readonly deleted_messages: number;
  readonly reached: string | null;
}

interface DeletedEventsRow {
  readonly deleted_events: number;
  /** int8, which pg hands over as text. */
  readonly reached: string | null;
}

export class PrismaRetentionStore implements RetentionStore {
  constructor(private readonly db: Database) {}

  async deleteHistory(kind: HistoryKind, minAgeMs: number, limit: number, after: string | null): Promise<DeletedBatch> {
    if (kind === 'events') return this.deleteEvents(minAgeMs, limit, after);
    const [row] = await this.db.query<DeletedRow>(DELETE_HISTORY, [kind, minAgeMs, limit, after ?? LOWEST_ID]);
    return {
      runs: row?.deleted_runs ?? 0,
      messages: row?.deleted_messages ?? 0,
      events: 0,
      next: row?.reached ?? null,
    };
  }

  private async deleteEvents(minAgeMs: number, limit: number, after: string | null): Promise<DeletedBatch> {
    const [row] = await this.db.query<DeletedEventsRow>(DELETE_EVENTS, [minAgeMs, limit, after ?? '0']);
    return { runs: 0, messages: 0, events: row?.deleted_events ?? 0, next: row?.reached ?? null };
  }
}
