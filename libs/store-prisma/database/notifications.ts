import { effect } from '@crewtab/domain/failpoint';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { Subscription } from '@crewtab/domain/ports/runtime';
import { Client, type Notification } from 'pg';
import { CONNECT_TIMEOUT_MS, type Database, type Statement } from './database';
import { toStoreError } from './store-errors';

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

/** Changes of one run within this time are one notification, ms. */
const GATHER_MS = 20;

const NOTIFY: Statement = {
  name: 'run_changed_notify',
  text: `SELECT pg_notify('${RUN_CHANGED}', run_id::text) FROM unnest($1::uuid[]) AS changed(run_id)
    UNION ALL
    SELECT pg_notify('${RUN_EVENTS_WRITTEN}', '') WHERE EXISTS (SELECT 1 FROM run_events WHERE position IS NULL)`,
};

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
