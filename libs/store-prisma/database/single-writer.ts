import { effect } from '@crewtab/domain/failpoint';
import type { Database, Session, Statement } from './database';

const LIMIT_IDLE_TIME: Statement = {
  text: `SELECT set_config('idle_in_transaction_session_timeout', $1, true)`,
};
const TRY_LOCK: Statement = { text: 'SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS taken' };
const HEARTBEAT: Statement = { text: 'SELECT 1' };

/** A writer without a heartbeat for so long loses the lock, ms. */
const IDLE_LIMIT_MS = 10_000;
const HEARTBEATS_PER_LIMIT = 4;

export interface SingleWriterOptions {
  readonly idleLimitMs?: number;
  /** Between two heartbeats to the database, ms. */
  readonly heartbeatEveryMs?: number;
}

/**
 * Runs `work` while this process holds the advisory lock called `name`; does nothing and answers false when another one
 * holds it. The lock belongs to a transaction, so it ends with its process. Postgres ends the session of a process that
 * stands still, and `work` must tolerate a second writer from then on. Throws a retryable `store_unreachable` when the
 * lock was lost meanwhile.
 */
export function withSingleWriter(
  db: Database,
  name: string,
  work: () => Promise<void>,
  { idleLimitMs = IDLE_LIMIT_MS, heartbeatEveryMs = idleLimitMs / HEARTBEATS_PER_LIMIT }: SingleWriterOptions = {},
): Promise<boolean> {
  return db.transaction(async (session) => {
    await session.query(LIMIT_IDLE_TIME, [`${idleLimitMs}ms`]);
    const [row] = await effect('postgres.single-writer.lock', () =>
      session.query<{ taken: boolean }>(TRY_LOCK, [`crewtab:${name}`]),
    );
    if (!row?.taken) return false;
    const heartbeats = sendHeartbeats(session, heartbeatEveryMs);
    try {
      await work();
      return true;
    } finally {
      clearInterval(heartbeats);
    }
  }, 'postgres.single-writer.unlock');
}

/** A heartbeat fails when the connection is lost, and with it the lock: the commit reports that. */
function sendHeartbeats(session: Session, everyMs: number): NodeJS.Timeout {
  return setInterval(() => void session.query(HEARTBEAT).catch(() => undefined), everyMs);
}
