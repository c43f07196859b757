import { randomBytes } from 'node:crypto';
import { Queue, Worker } from 'bullmq';
import type { BenchContext } from './bench';
import { DueInstant, inChunks, until } from './due-instant';

/** Jobs at once: with 1 and 10, bare BullMQ was slower here. */
const CONCURRENCY = 50;

/** BullMQ's Job Schedulers as they come, with a worker that notes when it receives a job, and does nothing else. */
export class BareFiring {
  private readonly due = new DueInstant();
  private readonly queue: Queue;
  private readonly worker: Worker;
  private readonly ids: readonly string[];
  private receivedAt: number[] = [];

  constructor({ redisUrl }: BenchContext, schedules: number) {
    const options = {
      connection: { url: redisUrl, maxRetriesPerRequest: null },
      prefix: `bare-${randomBytes(3).toString('hex')}`,
      settings: { repeatStrategy: this.due.repeatStrategy },
    };
    this.ids = Array.from({ length: schedules }, (_, n) => `schedule-${n}`);
    this.queue = new Queue('bare', options);
    this.worker = new Worker('bare', () => Promise.resolve(void this.receivedAt.push(Date.now())), {
      ...options,
      concurrency: CONCURRENCY,
    });
  }

  /** Makes all of them due at that instant (epoch ms). */
  async setInstant(dueAt: number): Promise<void> {
    this.due.at = dueAt;
    const template = { name: 'tick', data: {}, opts: { removeOnComplete: true } };
    await inChunks(this.ids, (id) => this.queue.upsertJobScheduler(id, { pattern: '* * * * *' }, template));
  }

  /** @returns the lag of each schedule's job, ms */
  async iterate(leadMs: number): Promise<number[]> {
    this.receivedAt = [];
    const dueAt = Date.now() + leadMs;
    await this.setInstant(dueAt);
    if (Date.now() > dueAt - leadMs / 10) throw new Error('the machine is too busy: not ready when the instant came');
    await until('all bare jobs received', () => this.receivedAt.length >= this.ids.length);
    return this.receivedAt.map((at) => at - dueAt);
  }

  async close(): Promise<void> {
    await this.worker.close();
    await this.queue.obliterate({ force: true });
    await this.queue.close();
  }
}
