import { effect } from '@crewtab/domain/failpoint';
import type { Database, Statement } from './database';

const TRY_LOCK: Statement = { text: 'SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS taken' };
const UNLOCK: Statement = { text: 'SELECT pg_advisory_unlock(hashtextextended($1, 0))' };

/**
 * Runs `work` while this process holds the advisory lock called `name`; does nothing and answers false when another one
 * holds it. The lock belongs to a connection, so it goes with its process, and a connection that breaks loses it: `work`
 * must bear a second writer for that long.
 */
export function withSingleWriter(db: Database, name: string, work: () => Promise<void>): Promise<boolean> {
  return db.withConnection(async (session) => {
    const lock = `crewtab:${name}`;
    const [row] = await effect('postgres.single-writer.lock', () =>
      session.query<{ taken: boolean }>(TRY_LOCK, [lock]),
    );
    if (!row?.taken) return false;
    try {
      await work();
      return true;
    } finally {
      await effect('postgres.single-writer.unlock', () => session.query(UNLOCK, [lock]));
    }
  });
}
