import type { Logger } from '@crewtab/domain/ports/logger';
import type { Subscription } from '@crewtab/domain/ports/runtime';
import { Client, type Notification } from 'pg';
import { CONNECT_TIMEOUT_MS } from './database';
import { toStoreError } from './store-errors';

export const RUN_CONTROL = 'crewtab_run_control';
export const RUN_CHANGED = 'crewtab_run_changed';
export const SCHEDULE_CHANGED = 'crewtab_schedule_changed';
export type Channel = typeof RUN_CONTROL | typeof RUN_CHANGED | typeof SCHEDULE_CHANGED;

const CHANNELS: readonly Channel[] = [RUN_CONTROL, RUN_CHANGED, SCHEDULE_CHANGED];
const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;
/** A connection that died silently is noticed within this, ms. */
const HEARTBEAT_MS = 30_000;
const HEARTBEAT_TIMEOUT_MS = 5_000;

type Listener = (payload: string) => void;

/**
 * LISTEN on one connection of its own per process, opened with the first subscription.
 *
 * Modes: idle (nobody has subscribed) → connecting → listening → (the connection broke) connecting again, with
 * growing pauses, until closed. What was notified while not listening is lost, so listeners of schedules are called
 * once when listening again; run listeners have other nets (lease renewals, the row itself).
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
