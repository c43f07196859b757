import type { JobScheduler, JobSchedulers, RunQueue } from '@crewtab/domain/ports/run-queue';
import { parseCron } from '@crewtab/domain/schedules/cron';
import { nextFire } from '@crewtab/domain/schedules/next-fire';
import type { TakeResult } from '@crewtab/orchestrator/running/run-holder';
import { SeededRandom } from '../kit/random';
import type { VirtualTime } from './virtual-time';

/** Who consumes wake-ups. */
export interface Consumer {
  readonly host: string;
  hasCapacity(): boolean;
  take(runId: string): Promise<TakeResult>;
  adopt(): Promise<unknown>;
  tick(): Promise<unknown>;
  /** Lets it into the process, now or when that goes on. */
  enter(work: () => void): void;
}

const OFFER_AGAIN_MS = 1_000;
const DELIVERY_MS = 5;
const DELAY_MS = 12_000;

/** Redis with its consumers: wakes, and may lose, delay, double, reorder and forget. */
export class SimRedis implements RunQueue, JobSchedulers {
  private readonly jobSchedulers = new Map<string, JobScheduler>();
  private readonly waiting = new Set<string>();
  private readonly random: SeededRandom;
  /** Grows with every flush: what was planned before is gone. */
  private age = 0;
  trouble: 'lose' | 'double' | 'delay' | null = null;

  constructor(
    private readonly time: VirtualTime,
    private readonly consumers: () => readonly Consumer[],
    seed: number,
  ) {
    this.random = new SeededRandom(seed);
  }

  flush(): void {
    this.age++;
    this.waiting.clear();
    this.jobSchedulers.clear();
  }

  offerRuns(runIds: readonly string[]): Promise<void> {
    for (const runId of runIds) {
      if (this.waiting.has(runId) || this.trouble === 'lose') continue;
      this.waiting.add(runId);
      this.deliver(() => this.giveRun(runId));
    }
    return Promise.resolve();
  }

  wakeHost(host: string): Promise<void> {
    this.deliver(() => {
      const consumer = this.anyOf(this.consumers().filter((one) => one.host === host));
      consumer?.enter(() => void consumer.adopt().catch(() => undefined));
    });
    return Promise.resolve();
  }

  set(jobSchedulers: readonly JobScheduler[]): Promise<void> {
    for (const clock of jobSchedulers) {
      this.jobSchedulers.set(clock.scheduleId, clock);
      this.armTick(clock);
    }
    return Promise.resolve();
  }

  remove(scheduleIds: readonly string[]): Promise<void> {
    for (const id of scheduleIds) this.jobSchedulers.delete(id);
    return Promise.resolve();
  }

  count(): Promise<number> {
    return Promise.resolve(this.jobSchedulers.size);
  }

  list(): Promise<string[]> {
    return Promise.resolve([...this.jobSchedulers.keys()]);
  }

  private giveRun(runId: string): void {
    const withCapacity = this.anyOf(this.consumers().filter((one) => one.hasCapacity()));
    if (!withCapacity) {
      this.later(OFFER_AGAIN_MS, () => this.giveRun(runId));
      return;
    }
    this.waiting.delete(runId);
    withCapacity.enter(() => void withCapacity.take(runId).catch(() => undefined));
  }

  private armTick(clock: JobScheduler): void {
    const cron = parseCron(clock.cron);
    if (!cron.ok) return;
    const now = this.time.now();
    const at = nextFire(cron.cron, clock.timezone, now);
    this.later(at.getTime() - now.getTime(), () => {
      if (this.jobSchedulers.get(clock.scheduleId) !== clock) return;
      const consumer = this.anyOf(this.consumers());
      consumer?.enter(() => void consumer.tick().catch(() => undefined));
      this.armTick(clock);
    });
  }

  private deliver(work: () => void): void {
    const wait = this.random.int(0, DELIVERY_MS);
    if (this.trouble === 'lose') return;
    if (this.trouble === 'double') this.later(wait + this.random.int(0, DELAY_MS), work);
    this.later(this.trouble === 'delay' ? wait + this.random.int(0, DELAY_MS) : wait, work);
  }

  private later(ms: number, work: () => void): void {
    const { age } = this;
    this.time.after(ms, () => {
      if (this.age === age) work();
    });
  }

  private anyOf(consumers: readonly Consumer[]): Consumer | null {
    return consumers.length > 0 ? this.random.pick(consumers) : null;
  }
}
