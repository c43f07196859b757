import { effect } from '@crewtab/domain/failpoint';
import { Pool, type PoolClient, type QueryResultRow, Client, type Notification } from 'pg';
import { hasLostConnection, toStoreError, violationOf, type Violation } from './store-errors';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { Subscription } from '@crewtab/domain/ports/runtime';

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

/** What Postgres cannot store in text or jsonb, and what stands in its place. */
const REPLACEMENT = '\uFFFD';

/**
 * Postgres's text has no U+0000. (Lone surrogates are no problem here: the driver's UTF-8 encoder replaces them.)
 */
export function storableText(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', REPLACEMENT) : text;
}

/**
 * JSON that jsonb takes: JSON.stringify writes U+0000 and lone surrogates as escapes, and jsonb refuses both. No
 * character is lost otherwise.
 */
export function storableJson(value: unknown): string {
  const json = JSON.stringify(value);
  if (!json.includes('\\u0000') && !json.includes('\\ud')) return json;
  return withoutRefused(Buffer.from(json)).toString();
}

const BACKSLASH = 0x5c;
const LOWER_D = 0x64;
const LOWER_U = 0x75;
const ZERO = 0x30;
const ESCAPE_BYTES = 6;
const REPLACEMENT_BYTES = Buffer.from(REPLACEMENT);

/** Byte by byte and in place: an agent may fill a line with nothing else, and a match for each would take gigabytes. */
function withoutRefused(json: Buffer): Buffer {
  let to = 0;
  for (let from = 0; from < json.length;) {
    if (json[from] !== BACKSLASH) {
      json[to++] = json[from++] ?? 0;
    } else if (isRefused(json, from)) {
      for (const byte of REPLACEMENT_BYTES) json[to++] = byte;
      from += ESCAPE_BYTES;
    } else {
      // As a whole, so that the text `\\u0000` (a backslash and then u0000) stays what it is.
      json[to++] = BACKSLASH;
      json[to++] = json[from + 1] ?? 0;
      from += 2;
    }
  }
  return json.subarray(0, to);
}

/** `\u0000`, and what JSON.stringify escapes of surrogates: those without their other half. */
function isRefused(json: Buffer, at: number): boolean {
  if (json[at + 1] !== LOWER_U) return false;
  if (json[at + 2] === LOWER_D) return true;
  return json[at + 2] === ZERO && json[at + 3] === ZERO && json[at + 4] === ZERO && json[at + 5] === ZERO;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Sorts before every other id. */
export const LOWEST_ID = '00000000-0000-0000-0000-000000000000';
/** Sorts behind every other id. */
export const HIGHEST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** Ids are opaque to callers, so what cannot be one is simply not there. */
export function isId(text: string): boolean {
  return UUID.test(text);
}

export const RUN_CONTROL = 'crewtab_run_control';
export const RUN_CHANGED = 'crewtab_run_changed';
export const SCHEDULE_CHANGED = 'crewtab_schedule_changed';
/** Events wait for their positions; and: positions were given. */
export const RUN_EVENTS_WRITTEN = 'crewtab_run_events_written';
export const RUN_EVENTS_NUMBERED = 'crewtab_run_events_numbered';

const CHANNELS = [RUN_CONTROL, RUN_CHANGED, SCHEDULE_CHANGED, RUN_EVENTS_WRITTEN, RUN_EVENTS_NUMBERED] as const;
export type Channel = (typeof CHANNELS)[number];
const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;
/** A connection that died silently is noticed within this, ms. */
const HEARTBEAT_MS = 30_000;
const HEARTBEAT_TIMEOUT_MS = 5_000;

type Listener = (payload: string) => void;

/**
 * LISTEN on one connection of its own per process, opened with the first subscription.
 *
 * Modes: idle (no subscription yet) → connecting → listening → (the connection broke) connecting again, with growing
 * pauses, until closed. A notification that is sent while not listening is lost: listeners of schedules are therefore
 * called once after a reconnect; listeners of runs also learn changes from lease renewals and from the row itself.
 */
export class Notifications {
  private readonly listeners = new Map<Channel, Set<Listener>>(CHANNELS.map((channel) => [channel, new Set()]));
  private client: Client | null = null;
  private connecting: Promise<void> | null = null;
  private timer: NodeJS.Timeout | null = null;
  private isClosed = false;

  constructor(
    private readonly databaseUrl: string,
    private readonly logger: Logger | null,
  ) {}

  /** Resolves once notifications reach the listener; throws `store_unreachable` when they cannot now. */
  async subscribe(channel: Channel, listener: Listener): Promise<Subscription> {
    // Its own closure, so that one function subscribed twice is called twice.
    const entry: Listener = (payload) => listener(payload);
    const entries = this.of(channel);
    entries.add(entry);
    try {
      await this.ensureConnected();
    } catch (error) {
      entries.delete(entry);
      throw toStoreError(error);
    }
    return { close: () => void entries.delete(entry) };
  }

  async close(): Promise<void> {
    this.isClosed = true;
    if (this.timer) clearTimeout(this.timer);
    await this.connecting?.catch(() => undefined);
    const { client } = this;
    this.client = null;
    await client?.end();
  }

  private of(channel: Channel): Set<Listener> {
    const entries = this.listeners.get(channel);
    if (!entries) throw new Error(`no such channel: ${channel}`);
    return entries;
  }

  private async ensureConnected(): Promise<void> {
    if (this.client) return;
    this.connecting ??= this.connect().finally(() => (this.connecting = null));
    await this.connecting;
  }

  private async connect(): Promise<void> {
    const client = new Client({
      connectionString: this.databaseUrl,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: HEARTBEAT_TIMEOUT_MS,
      keepAlive: true,
      application_name: 'crewtab notifications',
    });
    let error: unknown = null;
    client.on('error', (problem) => {
      error = problem;
      this.onLost(client, problem);
    });
    client.on('end', () => this.onLost(client, error));
    client.on('notification', (notification) => this.dispatch(notification));
    try {
      await client.connect();
      for (const channel of CHANNELS) await client.query(`LISTEN ${channel}`);
    } catch (problem) {
      void client.end().catch(() => undefined);
      throw problem;
    }
    if (this.isClosed) return client.end();
    this.client = client;
    this.scheduleHeartbeat(client);
  }

  private onLost(client: Client, error: unknown): void {
    if (this.client !== client) return;
    this.client = null;
    void client.end().catch(() => undefined);
    if (this.isClosed) return;
    this.logger?.warn(
      { error: error instanceof Error ? error.message : 'the server closed it' },
      'the connection for notifications broke; opening it again',
    );
    this.reconnectAfter(FIRST_RETRY_MS);
  }

  private reconnectAfter(delayMs: number): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = null;
      this.ensureConnected().then(
        () => this.catchUp(),
        () => {
          if (!this.isClosed) this.reconnectAfter(Math.min(delayMs * 2, LONGEST_RETRY_MS));
        },
      );
    }, delayMs);
  }

  private catchUp(): void {
    if (this.isClosed) return;
    this.logger?.info({}, 'listening for notifications again');
    for (const listener of this.of(SCHEDULE_CHANGED)) listener('');
  }

  private scheduleHeartbeat(client: Client): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      client.query('SELECT 1').then(
        () => {
          if (this.client === client) this.scheduleHeartbeat(client);
        },
        (error: unknown) => this.onLost(client, error),
      );
    }, HEARTBEAT_MS);
  }

  private dispatch({ channel, payload = '' }: Notification): void {
    for (const listener of this.listeners.get(channel as Channel) ?? []) listener(payload);
  }
}
