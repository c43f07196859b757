import { setTimeout as delay } from 'node:timers/promises';
import { silentLogger } from '../fakes/silent-logger';
import { openQueue, queueSettings, TICKS_QUEUE } from '@crewtab/queue-bullmq/bullmq-queues';
import { eventually } from '../kit/wait-for';
import { scaled, timed, type Figure } from './figure';
import type { MeasuredInstallation } from './installation';

const SCHEDULES = 20;
const FLUSHES = 20;
/** The sweeper looks every 5 s; a flush comes at any moment between two looks. */
const SWEPT_EVERY_MS = 5_000;
/** From the notice of the next due instant to it, and to the flush: a notice makes schedulers look after the clocks. */
const DUE_AFTER_MS = 2_000;
const NOTICED_AFTER_MS = 1_000;

export const redisEmptied: Figure = {
  name: 'redis-emptied',
  about: 'FLUSHALL → the next due instant fired and its run begun; all job schedulers back',
  async measure({ install, scale, random, log }) {
    const crewtab = await install({ workers: 2, schedulers: 2 });
    const ids = await schedules(crewtab);
    const ticks = openQueue(
      TICKS_QUEUE,
      queueSettings({ redisUrl: crewtab.redis.urlAt(crewtab.redis.port), logger: silentLogger }),
    );
    const areBack = async (): Promise<boolean> => (await ticks.getJobSchedulersCount()) === ids.length;
    const [fired, begun, back]: [number[], number[], number[]] = [[], [], []];
    try {
      for (let flush = 1; flush <= scaled(FLUSHES, scale); flush++) {
        await eventually(areBack, { timeoutMs: 30_000 });
        await delay(random.next() * SWEPT_EVERY_MS);
        const id = ids[flush % ids.length] ?? '';
        await makeDue(crewtab, id);
        await delay(NOTICED_AFTER_MS);
        await crewtab.redis.flush();
        const flushedAt = await crewtab.now();
        const jobSchedulersBack = eventually(areBack, { timeoutMs: 60_000 }).then(
          async () => (await crewtab.now()) - flushedAt,
        );
        const run = await eventually(() => begunRun(crewtab, id, flushedAt), { timeoutMs: 60_000 });
        fired.push((run.firedAt - flushedAt) / 1_000);
        begun.push((run.startedAt - flushedAt) / 1_000);
        back.push((await jobSchedulersBack) / 1_000);
        log(
          `FLUSHALL ${flush}: begun ${begun.at(-1)?.toFixed(2)} s later, clocks back after ${back.at(-1)?.toFixed(2)} s`,
        );
      }
    } finally {
      await ticks.close();
    }
    return [
      timed(`FLUSHALL → next due instant (${(DUE_AFTER_MS - NOTICED_AFTER_MS) / 1_000} s later) fired`, fired, {
        p99: 15,
      }),
      timed('FLUSHALL → its run begun by a worker', begun, { p99: 15 }),
      timed(`FLUSHALL → all ${ids.length} job schedulers back`, back, { p99: 15 }),
    ];
  },
};

async function schedules(crewtab: MeasuredInstallation): Promise<string[]> {
  const ids = [];
  for (let n = 0; n < SCHEDULES; n++) ids.push(await crewtab.schedule('answer done'));
  return ids;
}

/** Cron knows minutes only, so the instant is set, with the notification that an edit sends. */
async function makeDue(crewtab: MeasuredInstallation, scheduleId: string): Promise<void> {
  await crewtab.sql(
    `UPDATE schedules SET next_fire_at = now() + $2 * interval '1 millisecond', following_fire_at = now() + interval '1 day'
     WHERE id = $1`,
    [scheduleId, DUE_AFTER_MS],
  );
  await crewtab.sql(`SELECT pg_notify('crewtab_schedule_changed', '')`);
}

async function begunRun(
  crewtab: MeasuredInstallation,
  scheduleId: string,
  afterMs: number,
): Promise<{ firedAt: number; startedAt: number } | false> {
  const [run] = await crewtab.sql<{ queued_at: Date; started_at: Date }>(
    `SELECT queued_at, started_at FROM schedule_runs WHERE schedule_id = $1 AND queued_at >= $2 AND started_at IS NOT NULL`,
    [scheduleId, new Date(afterMs)],
  );
  return run ? { firedAt: run.queued_at.getTime(), startedAt: run.started_at.getTime() } : false;
}
