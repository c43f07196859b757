import { randomBytes } from 'node:crypto';
import type { FireStore } from '@crewtab/domain/ports/fire-store';
import { fireDueSchedules, type FiringDeps, FiringTimer } from '@crewtab/orchestrator/firing/fire-due-schedules';
import { SystemClock } from '@crewtab/orchestrator/timing';
import {
  BullmqJobSchedulers,
  BullmqRunQueue,
  openQueue,
  type RunsQueue,
  type TicksQueue,
  RUNS_QUEUE,
  TICKS_QUEUE,
  queueSettings,
  shareCalls,
  TICKS_AT_ONCE,
} from '@crewtab/queue-bullmq/bullmq-queues';
import { silentLogger } from '@test/fakes/silent-logger';
import { Worker } from 'bullmq';
import type { BenchContext } from './bench';
import { DAY_MS, DueInstant, until } from './due-instant';
import { BenchStore } from './stored';

/** One answer of a firing statement: so many rows, committed by then. */
interface Committed {
  readonly rows: number;
  readonly askedAt: number;
  readonly at: number;
}

export interface FiringIteration {
  /** From the due instant to the answer of the statement that committed the row, ms; one per schedule. */
  readonly lags: readonly number[];
  /** From the due instant until the first statement that fired was sent, ms. */
  readonly wokeAfterMs: number;
  /** How long the statements that fired took, ms. */
  readonly statementMs: number;
  /** From the due instant until the last of BullMQ's ticks was consumed, which find nothing left to do, ms. */
  readonly ticksDoneAfterMs: number;
}

/**
 * The firing half of the product: timer, real store, real queue, and one Job Scheduler per schedule whose ticks call
 * `fireDueSchedules` too, as a worker's ticks processor does.
 */
export class OurFiring {
  private readonly due = new DueInstant();
  private readonly ticks: TicksQueue;
  private readonly runs: RunsQueue;
  private readonly queue: BullmqRunQueue;
  private readonly jobSchedulers: BullmqJobSchedulers;
  private readonly timer: FiringTimer;
  private readonly ticksWorker: Worker;
  private ids: string[] = [];
  private committed: Committed[] = [];
  private ticksDone = 0;

  private constructor(
    private readonly stored: BenchStore,
    { redisUrl }: BenchContext,
  ) {
    const prefix = `ours-${randomBytes(3).toString('hex')}`;
    const settings = queueSettings({ redisUrl, prefix, logger: silentLogger });
    // Only the instant is not cron's.
    const timed = { settings: { repeatStrategy: this.due.repeatStrategy } };
    this.ticks = openQueue(TICKS_QUEUE, { ...settings, producerOptions: { ...settings.producerOptions, ...timed } });
    this.runs = openQueue(RUNS_QUEUE, settings);
    this.queue = new BullmqRunQueue(this.runs, settings);
    this.jobSchedulers = new BullmqJobSchedulers(this.ticks);
    const fires = observe(stored.store.fires, (one) => this.committed.push(one));
    const deps: FiringDeps = {
      fires,
      runs: stored.store.runs,
      queue: this.queue,
      jobSchedulers: this.jobSchedulers,
      clock: new SystemClock(),
      logger: silentLogger,
    };
    this.timer = new FiringTimer(deps);
    const fireForAll = shareCalls(() => fireDueSchedules(deps));
    const tick = async (): Promise<void> => {
      await fireForAll();
      this.ticksDone++;
    };
    const workerOptions = { ...settings.workerOptions, ...timed, concurrency: TICKS_AT_ONCE };
    this.ticksWorker = new Worker(TICKS_QUEUE, tick, workerOptions);
    this.ticksWorker.on('error', () => undefined);
  }

  /** @param counts schedules that become due, and further ones that are registered in Postgres and Redis and never are */
  static async open(context: BenchContext, counts: { due: number; idle: number }): Promise<OurFiring> {
    const firing = new OurFiring(await BenchStore.create(context), context);
    await Promise.all([firing.ticks.waitUntilReady(), firing.runs.waitUntilReady()]);
    const prompt = 'answer hi';
    firing.ids = await firing.stored.addSchedules({ count: counts.due, prompt, nextFireAt: null });
    firing.due.at = Date.now() + DAY_MS;
    const idle = await firing.stored.addSchedules({ count: counts.idle, prompt, nextFireAt: null });
    await firing.setJobSchedulers(idle);
    await firing.stored.sql('UPDATE schedules SET clock_version = spec_version');
    await firing.stored.sql('VACUUM ANALYZE schedules');
    await firing.timer.start();
    return firing;
  }

  /** @param count how many of the due ones take part */
  async iterate(leadMs: number, count = this.ids.length): Promise<FiringIteration> {
    const ids = this.ids.slice(0, count);
    this.committed = [];
    this.ticksDone = 0;
    const dueAt = Date.now() + leadMs;
    this.due.at = dueAt;
    await this.setJobSchedulers(ids);
    await this.stored.sql(
      `UPDATE schedules SET next_fire_at = $1, following_fire_at = $1::timestamptz + interval '1 day' WHERE id = ANY($2)`,
      [new Date(dueAt), ids],
    );
    await this.stored.sql(`SELECT pg_notify('crewtab_schedule_changed', '')`);
    if (Date.now() > dueAt - leadMs / 10) throw new Error('the machine is too busy: not ready when the instant came');
    await until('all due schedules fired', () => this.fired.length > 0 && rowsOf(this.fired) >= count);
    await until('all ticks consumed', () => this.ticksDone >= count);
    const ticksDoneAfterMs = Date.now() - dueAt;
    await this.checkAndClear(count);
    return {
      lags: this.fired.flatMap(({ rows, at }) => Array.from({ length: rows }, () => at - dueAt)),
      wokeAfterMs: Math.min(...this.fired.map(({ askedAt }) => askedAt)) - dueAt,
      statementMs: this.fired.reduce((total, { askedAt, at }) => total + at - askedAt, 0),
      ticksDoneAfterMs,
    };
  }

  async close(): Promise<void> {
    await this.timer.stop();
    await this.ticksWorker.close();
    await Promise.all([this.ticks.obliterate({ force: true }), this.runs.obliterate({ force: true })]);
    await Promise.all([this.ticks.close(), this.queue.close()]);
    await this.stored.dispose();
  }

  private get fired(): Committed[] {
    return this.committed.filter(({ rows }) => rows > 0);
  }

  private setJobSchedulers(ids: readonly string[]): Promise<void> {
    return this.jobSchedulers.set(ids.map((scheduleId) => ({ scheduleId, cron: '0 0 1 1 *', timezone: 'UTC' })));
  }

  /** What was timed must really be in the table. */
  private async checkAndClear(count: number): Promise<void> {
    const [row] = await this.stored.sql<{ runs: number }>('SELECT count(*)::int AS runs FROM schedule_runs');
    if (row?.runs !== count) throw new Error(`${row?.runs} rows for ${count} due schedules`);
    await this.stored.sql('TRUNCATE schedule_runs CASCADE');
    await this.runs.drain();
  }
}

function rowsOf(committed: readonly Committed[]): number {
  return committed.reduce((total, { rows }) => total + rows, 0);
}

/** Notes when the two firing methods were called and when they answered; everything else passes. */
function observe(fires: FireStore, note: (committed: Committed) => void): FireStore {
  return new Proxy(fires, {
    get(target, key: keyof FireStore) {
      const method = target[key].bind(target) as (...args: unknown[]) => unknown;
      if (key === 'firePunctual') {
        return async (options: Parameters<FireStore['firePunctual']>[0]) => {
          const askedAt = Date.now();
          const batch = await target.firePunctual(options);
          note({ rows: batch.fired.length, askedAt, at: Date.now() });
          return batch;
        };
      }
      if (key === 'fireOne') {
        return async (plan: Parameters<FireStore['fireOne']>[0]) => {
          const askedAt = Date.now();
          const fired = await target.fireOne(plan);
          note({ rows: fired?.queued.length ?? 0, askedAt, at: Date.now() });
          return fired;
        };
      }
      return method;
    },
  });
}
