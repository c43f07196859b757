import type { TimeSource } from '@crewtab/domain/ports/clock';
import type { Database, Statement } from './database';

/** Not now(): that is when a transaction began. */
const CLOCK: Statement = {
  name: 'time_clock',
  text: 'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms',
};

/** What the clock of Postgres shows. Whole milliseconds, rounded down, so that it is never ahead. */
export class DatabaseTime implements TimeSource {
  constructor(private readonly db: Database) {}

  async now(): Promise<Date> {
    const [row] = await this.db.query<{ ms: number }>(CLOCK);
    if (!row) throw new Error('Postgres answered no time');
    return new Date(Math.floor(row.ms));
  }
}
