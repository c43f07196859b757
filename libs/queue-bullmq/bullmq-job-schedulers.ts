import { effect } from '@crewtab/domain/failpoint';
import type { JobScheduler, JobSchedulers } from '@crewtab/domain/ports/run-queue';
import type { Queue } from 'bullmq';

/** Put or removed side by side; each is one script in Redis. */
const AT_ONCE = 50;

/** One BullMQ Job Scheduler per schedule, keyed by the schedule's id, in the `ticks` queue. */
export class BullmqJobSchedulers implements JobSchedulers {
  constructor(private readonly ticks: Queue) {}

  async set(jobSchedulers: readonly JobScheduler[]): Promise<void> {
    await inChunks(jobSchedulers, async ({ scheduleId, cron, timezone }) => {
      const repeat = { pattern: cron, tz: timezone };
      const job = { name: 'tick', data: {}, opts: { attempts: 1, removeOnComplete: true, removeOnFail: true } };
      await effect('queue.clock.set', () => this.ticks.upsertJobScheduler(scheduleId, repeat, job));
    });
  }

  async remove(scheduleIds: readonly string[]): Promise<void> {
    await inChunks(scheduleIds, async (id) => {
      await effect('queue.clock.remove', () => this.ticks.removeJobScheduler(id));
    });
  }

  count(): Promise<number> {
    return this.ticks.getJobSchedulersCount();
  }

  async list(): Promise<string[]> {
    const ids: string[] = [];
    const page = 1_000;
    for (let start = 0; ; start += page) {
      const schedulers = await this.ticks.getJobSchedulers(start, start + page - 1, true);
      ids.push(...schedulers.flatMap(({ key }) => (key ? [key] : [])));
      if (schedulers.length < page) return ids;
    }
  }
}

async function inChunks<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let start = 0; start < items.length; start += AT_ONCE) {
    await Promise.all(items.slice(start, start + AT_ONCE).map(work));
  }
}
