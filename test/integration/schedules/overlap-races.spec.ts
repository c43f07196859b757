import { setTimeout as delay } from 'node:timers/promises';
import { ClaimLostError } from '@crewtab/domain/errors';
import type { OverlapPolicy } from '@crewtab/domain/schedules/schedule';
import { openStore, type Store } from '@crewtab/store-prisma/open-store';
import { ENCRYPTION_KEY, StoreFixture } from '../store/store-fixture';
import { instantsAfter, keepFiring } from './fast-schedules';

/**
 * I10 and I11 on a real Postgres: many workers claim, begin and end runs of schedules that fire faster than their runs
 * last, while people trigger more of them by hand.
 */

const LIFE_MS = 4_000;
const WORKERS = 8;
const NOTHING = { container: 1, volume: 1 };

interface RunRow {
  readonly id: string;
  readonly status: string;
  readonly error_code: string | null;
  readonly started: string | null;
  readonly finished: string | null;
}

let fixture: StoreFixture;
let other: Store;

beforeAll(async () => {
  fixture = await StoreFixture.create();
  other = await openStore({ databaseUrl: fixture.databaseUrl, encryption: { current: ENCRYPTION_KEY } });
});
afterAll(async () => {
  await other.close();
  await fixture.dispose();
});

/** One run, as quickly as the store allows; each third fails, and frees its place before its teardown. */
async function drive(store: Store, runId: string, workerId: string): Promise<void> {
  const run = await store.runs.claim(runId, { workerId, host: 'host-1' });
  if (!run) return;
  const claim = { runId, epoch: run.epoch };
  const name = `team-${runId}`;
  await store.runs.begin(claim, { name, fallbackName: `${name}-long`, host: 'host-1', runtime: 'fake' });
  await delay(Number.parseInt(runId.slice(-2), 16) % 30);
  const isFailing = Number.parseInt(runId.slice(-3), 16) % 3 === 0;
  const error = { code: 'agent_error', message: 'no' } as const;
  const { phase, cancelCode } = await store.runs.conclude(
    claim,
    isFailing ? { status: 'failed', result: null, error } : { status: 'success', result: 'done', error: null },
  );
  // A cancel that came before the outcome goes first.
  if (phase !== 'tearing_down') {
    const reason = { code: cancelCode ?? 'cancelled', message: 'asked to end' };
    await store.runs.conclude(claim, { status: 'cancelled', result: null, error: reason });
  }
  await store.runs.finish(claim, NOTHING);
}

async function keepWorking(store: Store, workerId: string, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    // As wake-ups are: late, double, and for runs that must still wait.
    const queued = await fixture.sql<{ id: string }>(
      `SELECT id FROM schedule_runs WHERE status = 'queued' ORDER BY random() LIMIT 4`,
    );
    for (const { id } of queued) {
      await drive(store, id, workerId).catch((error: unknown) => {
        if (!(error instanceof ClaimLostError)) throw error;
      });
    }
    await delay(1);
  }
}

function runsOf(scheduleId: string): Promise<RunRow[]> {
  return fixture.sql<RunRow>(
    `SELECT id, status, error_code, extract(epoch FROM started_at) * 1000 AS started, extract(epoch FROM finished_at) * 1000 AS finished
     FROM schedule_runs WHERE schedule_id = $1 ORDER BY started_at NULLS LAST, scheduled_for`,
    [scheduleId],
  );
}

/** Pairs of runs that were active at the same time, by the database's clock. */
function overlaps(runs: readonly RunRow[]): string[] {
  const begun = runs.filter(({ started }) => started !== null);
  return begun.flatMap(({ id, started }, n) => {
    const before = begun[n - 1];
    return before && Number(before.finished ?? Infinity) > Number(started) ? [`${before.id} and ${id}`] : [];
  });
}

describe('runs of one schedule under many workers', () => {
  const policies: OverlapPolicy[] = ['skip', 'queue', 'replace'];

  it('are never two at a time, whatever the policy, and each policy keeps its word', async () => {
    const organizationId = await fixture.organization();
    const teamId = await fixture.team(organizationId);
    const schedules = new Map<OverlapPolicy, string>();
    for (const overlap of policies) {
      const instants = instantsAfter(200, await fixture.store.time.now());
      const { id } = await fixture.schedule({ organizationId, teamId, overlap, cron: '200', ...instants });
      schedules.set(overlap, id);
    }
    const ids = [...schedules.values()];
    let isOver = false;
    const stores = [fixture.store, other];
    const firing = stores.map((store) => keepFiring(store, () => isOver));
    let isDrained = false;
    const working = Array.from({ length: WORKERS }, (_, n) =>
      keepWorking(stores[n % 2] ?? other, `worker-${n}`, () => isDrained),
    );
    const stopAt = performance.now() + LIFE_MS;
    for (let n = 0; performance.now() < stopAt; n++) {
      await fixture.store.archive.createManualRun(organizationId, ids[n % ids.length] ?? '');
      await delay(70);
    }
    isOver = true;
    await Promise.all(firing);
    await fixture.sql('UPDATE schedules SET enabled = false, next_fire_at = NULL, following_fire_at = NULL');
    const active = async (): Promise<number> =>
      (await fixture.sql(`SELECT 1 FROM schedule_runs WHERE status IN ('queued', 'running')`)).length;
    const giveUpAt = performance.now() + 30_000;
    while ((await active()) > 0 && performance.now() < giveUpAt) await delay(50);
    isDrained = true;
    await Promise.all(working);

    expect(await active()).toBe(0);
    for (const [overlap, id] of schedules) {
      const runs = await runsOf(id);
      expect({ overlap, overlapping: overlaps(runs) }).toEqual({ overlap, overlapping: [] });
      expect(runs.filter(({ started }) => started !== null).length).toBeGreaterThan(0);
      const codes = new Set(runs.flatMap(({ error_code: code }) => code ?? []));
      // Skipped only where that is the policy, replaced only where that is, and under `queue` every run has its turn.
      expect(codes.has('overlap_skipped')).toBe(overlap === 'skip');
      expect(codes.has('replaced')).toBe(overlap === 'replace');
      if (overlap === 'queue') expect(runs.filter(({ started }) => started === null)).toEqual([]);
    }
  }, 90_000);

  it('make the status of their schedule, and nothing else does', async () => {
    const organizationId = await fixture.organization();
    const { id } = await fixture.schedule({ organizationId });
    const status = async (): Promise<string | undefined> =>
      (await fixture.store.schedules.getSchedule(organizationId, id))?.status;
    const end = async (outcome: 'success' | 'failed' | 'timeout' | 'cancelled', code: string): Promise<void> => {
      const { id: runId } = await fixture.manualRun(organizationId, id);
      expect(await status()).toBe('running');
      const worker = { workerId: 'w', host: 'host-1' };
      const epoch = (await fixture.store.runs.claim(runId, worker))?.epoch ?? 0;
      const claim = { runId, epoch };
      const name = `status-${runId}`;
      await fixture.store.runs.begin(claim, { name, fallbackName: `${name}-long`, host: 'host-1', runtime: 'fake' });
      expect(await status()).toBe('running');
      const error = outcome === 'success' ? null : { code: code as 'host_lost', message: code };
      await fixture.store.runs.conclude(claim, { status: outcome, result: null, error });
      // A pending success is still active; every other outcome is final at once, however long its teardown takes.
      if (outcome === 'success') expect(await status()).toBe('running');
      else expect(await status()).toBe(outcome === 'cancelled' ? 'idle' : 'error');
      await fixture.store.runs.finish(claim, NOTHING);
    };
    expect(await status()).toBe('idle');
    await end('failed', 'host_lost');
    expect(await status()).toBe('error');
    await end('success', '');
    expect(await status()).toBe('idle');
    await end('timeout', 'timeout');
    expect(await status()).toBe('error');
    await fixture.sql(
      `UPDATE schedules SET enabled = true, overlap = 'skip', next_fire_at = now() - interval '2 hours' WHERE id = $1`,
      [id],
    );
    const at = new Date();
    const missed = { code: 'missed', message: 'm', from: at, to: at } as const;
    const skipped = { code: 'overlap_skipped', message: 's', blockedBy: null } as const;
    await fixture.store.fires.fireOne(({ nextFireAt }) => ({
      rows: [
        { scheduledFor: nextFireAt, trigger: 'schedule', status: 'missed', reason: missed },
        { scheduledFor: at, trigger: 'schedule', status: 'skipped', reason: skipped },
      ],
      cancelActive: false,
      nextFireAt: new Date(at.getTime() + 3_600_000),
      followingFireAt: null,
    }));
    // What never ran says nothing about how the schedule fares.
    expect(await status()).toBe('error');
    await end('cancelled', 'cancelled');
    expect(await status()).toBe('idle');
  });
});
