import { Redis } from 'ioredis';
import type { Bench, BenchContext, Figure } from './harness/bench';
import { BareFiring } from './harness/bare-firing';
import { SchedulerProcess } from './harness/scheduler-process';
import { percentile, show } from './harness/statistics';
import { BenchStore } from './harness/stored';

const SCHEDULES = 10_000;
/** Database numbers in Redis, so that the apps, whose key prefix is fixed, do not meet. */
const [EMPTY, FULL] = [3, 4];
const SAMPLES = 8;
const BETWEEN_SAMPLES_MS = 1_000;
const FAR_MS = 86_400_000;

export const bytesPerSchedule: Bench = {
  name: 'bytes-per-schedule',
  about: "bytes per schedule in Redis + Postgres + process, over bare Job Schedulers' Redis bytes",
  needsDocker: false,
  async run(context: BenchContext): Promise<Figure[]> {
    const base = await bareBytes(context);
    const { redis, postgres, process } = await ourBytes(context);
    const ours = redis + postgres + process;
    return [
      {
        name: 'bytes per schedule, all together over bare Redis bytes',
        unit: 'B',
        ours: [ours],
        base: [base],
        at: 'p50',
        aim: null,
        breakdown: [],
      },
      { name: '  in Redis', unit: 'B', ours: [redis], base: [base], at: 'p50', aim: null, breakdown: [] },
      { name: '  in Postgres', unit: 'B', ours: [postgres], base: [base], at: 'p50', aim: null, breakdown: [] },
      { name: '  in the process', unit: 'B', ours: [process], base: [base], at: 'p50', aim: null, breakdown: [] },
    ];
  },
};

async function bareBytes(context: BenchContext): Promise<number> {
  const bare = new BareFiring(context, SCHEDULES);
  try {
    const before = await usedBytes(context);
    await bare.setInstant(Date.now() + FAR_MS);
    return ((await usedBytes(context)) - before) / SCHEDULES;
  } finally {
    await bare.close();
  }
}

async function ourBytes(context: BenchContext): Promise<{ redis: number; postgres: number; process: number }> {
  const [empty, full] = [await BenchStore.create(context), await BenchStore.create(context)];
  try {
    const tableBefore = await tableBytes(full);
    await full.addSchedules({ count: SCHEDULES, prompt: 'Write the report of the day.', nextFireAt: null });
    const redisBefore = await usedBytes(context);
    // The first start registers all of them; what is measured is one that finds them registered.
    await (await SchedulerProcess.start(full.url, inDatabase(context, FULL))).stop();
    const redis = ((await usedBytes(context)) - redisBefore) / SCHEDULES;
    const postgres = ((await tableBytes(full)) - tableBefore) / SCHEDULES;
    return { redis, postgres, process: await processBytes(context, empty, full) };
  } finally {
    await Promise.all([empty.dispose(), full.dispose()]);
  }
}

/** Two schedulers side by side: one with nothing, one with all. */
async function processBytes(context: BenchContext, empty: BenchStore, full: BenchStore): Promise<number> {
  const idle = await SchedulerProcess.start(empty.url, inDatabase(context, EMPTY));
  const busy = await SchedulerProcess.start(full.url, inDatabase(context, FULL));
  try {
    const differences: number[] = [];
    for (let sample = 0; sample < SAMPLES; sample++) {
      for (const scheduler of [busy, idle]) scheduler.collectGarbage();
      await new Promise((resolve) => setTimeout(resolve, BETWEEN_SAMPLES_MS));
      differences.push((await busy.residentBytes()) - (await idle.residentBytes()));
    }
    context.log(`a scheduler holds ${show((await busy.residentBytes()) / 2 ** 20)} MiB with ${SCHEDULES} schedules`);
    return percentile(differences, 'p50') / SCHEDULES;
  } finally {
    await Promise.all([idle.stop(), busy.stop()]);
  }
}

async function tableBytes(stored: BenchStore): Promise<number> {
  const [row] = await stored.sql<{ bytes: string }>(`SELECT pg_total_relation_size('schedules') AS bytes`);
  return Number(row?.bytes);
}

async function usedBytes({ redisUrl }: BenchContext): Promise<number> {
  const redis = new Redis(redisUrl);
  try {
    return Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1]);
  } finally {
    await redis.quit();
  }
}

function inDatabase({ redisUrl }: BenchContext, number: number): string {
  const url = new URL(redisUrl);
  url.pathname = `/${number}`;
  return url.href;
}
