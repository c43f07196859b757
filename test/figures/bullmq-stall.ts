import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { join } from 'node:path';
import { Queue, Worker } from 'bullmq';
import { startNode } from '../kit/processes';

const HOOK = join(__dirname, '../support/typescript-hook.cjs');
/** Workers of a fleet are not started at one moment: their looks for stalled jobs are spread over the interval. */
const STALLED_INTERVAL_MS = 30_000;

/**
 * A plain BullMQ worker with its defaults (lock 30 s, look for stalled jobs every 30 s) is killed while it holds so many
 * jobs of as many queues; others of the same queues wait.
 * @returns for each job the seconds from the kill to its start on another worker.
 */
export async function stalledAfter(redisUrl: string, jobs: number): Promise<number[]> {
  const connection = { url: redisUrl };
  const names = Array.from({ length: jobs }, () => `figures-${randomBytes(6).toString('hex')}`);
  const holder = startNode('bullmq holder', [
    '--require',
    HOOK,
    join(__dirname, 'bullmq-holder.ts'),
    redisUrl,
    ...names,
  ]);
  for (const name of names) {
    const queue = new Queue(name, { connection });
    await queue.add('long', {});
    await queue.close();
  }
  await holder.waitForLine(/^all held$/, { timeoutMs: 60_000 });
  let killedAt = NaN;
  const others: Worker[] = [];
  const activeAgain = names.map(async (name, index) => {
    await delay((index * STALLED_INTERVAL_MS) / jobs);
    return new Promise<number>((resolve) => {
      const take = (): Promise<void> => {
        resolve((performance.now() - killedAt) / 1_000);
        return Promise.resolve();
      };
      const other = new Worker(name, take, { connection });
      other.on('error', () => undefined);
      others.push(other);
    });
  });
  await delay(STALLED_INTERVAL_MS);
  holder.kill('SIGKILL');
  killedAt = performance.now();
  const seconds = await Promise.all(activeAgain);
  await Promise.all([...others.map((other) => other.close()), holder.exited]);
  return seconds;
}
