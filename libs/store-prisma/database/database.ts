import { effect } from '@crewtab/domain/failpoint';
import { Pool, type PoolClient, type QueryResultRow } from 'pg';
import { hasLostConnection, toStoreError, violationOf, type Violation } from './store-errors';
import { storableText } from './text';

/** For a new connection, and for a free one of the pool, ms. */
export const CONNECT_TIMEOUT_MS = 5_000;
/** Postgres ends a statement after this, ms. */
export const STATEMENT_TIMEOUT_MS = 15_000;
/** For a server that does not answer at all, ms: longer than the server's own limit. */
const ANSWER_TIMEOUT_MS = 20_000;

export interface Statement {
  /** Each connection prepares the statement once under this name: unique in the project, at most 63 characters. */
  readonly name?: string;
  readonly text: string;
}

/** Runs statements; every error comes out as an AppError, violations as `ViolationError`. */
export interface Session {
  query<R extends QueryResultRow>(statement: Statement, values?: readonly unknown[]): Promise<R[]>;
}

/** A constraint refused the statement. Callers that expect it translate it into their own errors. */
export class ViolationError extends Error {
  constructor(
    readonly violation: Violation,
    cause: unknown,
  ) {
    super(`violates ${violation.constraint}`, { cause });
    this.name = 'ViolationError';
  }
}

export function createPool(databaseUrl: string, size: number, onIdleError: (error: Error) => void): Pool {
  const pool = new Pool({
    connectionString: databaseUrl,
    max: size,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
    idle_in_transaction_session_timeout: STATEMENT_TIMEOUT_MS,
    keepAlive: true,
    application_name: 'crewtab',
  });
  // Without a listener a connection that breaks while idle would end the process.
  pool.on('error', onIdleError);
  // Nor has a connection a listener between the pool's handing it out and its arrival in `withConnection`. If it breaks
  // then, its next statement fails.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

export class Database implements Session {
  constructor(readonly pool: Pool) {}

  async query<R extends QueryResultRow>(statement: Statement, values: readonly unknown[] = []): Promise<R[]> {
    return this.withConnection((session) => session.query<R>(statement, values));
  }

  /**
   * BEGIN … COMMIT on one connection; an error of `work` rolls back.
   * @param effectName as for `effect`: of the commit, before which nothing has happened
   */
  async transaction<T>(work: (session: Session) => Promise<T>, effectName: string | null = null): Promise<T> {
    return this.withConnection(async (session) => {
      await session.query({ text: 'BEGIN' });
      try {
        const result = await work(session);
        const commit = (): Promise<unknown> => session.query({ text: 'COMMIT' });
        await (effectName === null ? commit() : effect(effectName, commit));
        return result;
      } catch (error) {
        // A broken connection is thrown away, which rolls back as well.
        if (!hasLostConnection(error)) await session.query({ text: 'ROLLBACK' });
        throw error;
      }
    });
  }

  /** One connection for `work`, for what belongs to a session (transactions, advisory locks). Its errors pass as they are. */
  async withConnection<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const client = await this.connect();
    // A connection that breaks emits an event, which would end the process without a listener. Between two statements that
    // event is the only sign.
    let isBroken = false;
    const onError = (): void => void (isBroken = true);
    client.on('error', onError);
    try {
      return await work({ query: (statement, values = []) => runOn(client, statement, values) });
    } catch (error) {
      isBroken ||= hasLostConnection(error);
      throw error;
    } finally {
      client.off('error', onError);
      client.release(isBroken);
    }
  }

  private async connect(): Promise<PoolClient> {
    try {
      return await this.pool.connect();
    } catch (error) {
      throw toStoreError(error);
    }
  }
}

async function runOn<R extends QueryResultRow>(
  client: PoolClient,
  statement: Statement,
  values: readonly unknown[],
): Promise<R[]> {
  try {
    const result = await client.query<R>({ ...statement, values: values.map(storable) });
    return result.rows;
  } catch (error) {
    const violation = violationOf(error);
    throw violation ? new ViolationError(violation, error) : toStoreError(error);
  }
}

function storable(value: unknown): unknown {
  return typeof value === 'string' ? storableText(value) : value;
}
