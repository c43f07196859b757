/** What is deleted by its age: conversations alone, runs with all that belongs to them, or events of the log. */
export type HistoryKind = 'messages' | 'runs' | 'events';

export interface DeletedBatch {
  readonly runs: number;
  readonly messages: number;
  readonly events: number;
  /** Where the next batch begins; null: nothing older is left. */
  readonly next: string | null;
}

/** Deletes old history. Only runs that are over, and of which nothing is left on their host. */
export interface RetentionStore {
  /**
   * Deletes the oldest history of a kind in one short transaction, until about `limit` rows are gone. Repeatable, and safe in
   * parallel. The newest finished run of a schedule and its newest success always stay, and so does the newest event.
   *
   * @param minAgeMs since the end of a run or since the event, at least an hour
   * @param after `next` of the batch before; null: from the oldest
   */
  deleteHistory(kind: HistoryKind, minAgeMs: number, limit: number, after: string | null): Promise<DeletedBatch>;
}
