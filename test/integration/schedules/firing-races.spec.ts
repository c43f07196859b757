import { setTimeout as delay } from 'node:timers/promises';
import { openStore, type Store } from '@crewtab/store-prisma/open-store';
import { ENCRYPTION_KEY, StoreFixture } from '../store/store-fixture';
import { editOnceRecorded, instantsAfter, keepFiring } from './fast-schedules';

/**
 * I1, I2, I3 and I12 on a real Postgres: three firing apps race with people who edit, pause, resume and delete. Each
 * answer of an edit is bracketed by the database's clock, which leaves only the instants within the bracket open.
 */

const EDITS = 18;
const SCHEDULES = 20;
/** The short ones overtake their apps, and are fired by the general path; the long ones by the hot path. */
const STEPS_MS = [80, 150, 300, 700];

/** One spec of one schedule, from the instant that its instants were computed from, to the edit that ended it. */
interface Regime {
  readonly stepMs: number;
  readonly from: Date;
  /** The edit that ended it was asked for after, and answered before. */
  askedAt: Date;
  answeredAt: Date;
}

let fixture: StoreFixture;
const apps: Store[] = [];

beforeAll(async () => {
  fixture = await StoreFixture.create();
  const options = { databaseUrl: fixture.databaseUrl, encryption: { current: ENCRYPTION_KEY } };
  apps.push(fixture.store, await openStore(options), await openStore(options));
});
afterAll(async () => {
  for (const app of apps.slice(1)) await app.close();
  await fixture.dispose();
});

/** A person: edits, pauses, resumes, and deletes in the end; writes down what was in force when. */
async function live(store: Store, organizationId: string, teamId: string, seed: number): Promise<[string, Regime[]]> {
  const { schedules, time } = store;
  const step = (n: number): number => STEPS_MS[(seed + n) % STEPS_MS.length] ?? 20;
  const regimes: Regime[] = [];
  const begin = (stepMs: number, from: Date): Regime => {
    const regime = { stepMs, from, askedAt: from, answeredAt: from };
    regimes.push(regime);
    return regime;
  };
  let current = begin(step(0), await time.now());
  const { id } = await fixture.schedule({
    organizationId,
    teamId,
    cron: String(current.stepMs),
    overlap: seed % 3 === 0 ? 'queue' : 'allow',
    ...instantsAfter(current.stepMs, current.from),
  });
  const end = async (edit: () => Promise<unknown>): Promise<void> => {
    current.askedAt = await time.now();
    await editOnceRecorded(store, edit);
    current.answeredAt = new Date((await time.now()).getTime() + 1);
  };
  for (let n = 1; n <= EDITS; n++) {
    // Long enough that some hundred instants fall due on a machine of any speed.
    await delay((seed * 37 + n * 53) % 400);
    const stepMs = step(n);
    let from = new Date(0);
    if (n % 3 === 0) {
      const none = { nextFireAt: null, followingFireAt: null };
      await end(() => schedules.setEnabled(organizationId, id, false, null, none));
      await delay((seed * 11) % 60);
      from = await time.now();
      await schedules.setEnabled(organizationId, id, true, null, instantsAfter(current.stepMs, from));
      current = begin(current.stepMs, from);
    } else {
      await end(async () => {
        from = await time.now();
        await schedules.updateSchedule(organizationId, id, { cron: String(stepMs) }, instantsAfter(stepMs, from));
      });
      current = begin(stepMs, from);
    }
  }
  await end(() => schedules.deleteSchedule(organizationId, id));
  return [id, regimes];
}

/** The instants that must have a row, and those that may have one. */
function judge(regimes: readonly Regime[], found: ReadonlySet<number>): { missing: number[]; undue: number[] } {
  const missing: number[] = [];
  const allowed = new Set<number>();
  for (const { stepMs, from, askedAt, answeredAt } of regimes) {
    const first = Math.floor(from.getTime() / stepMs) + 1;
    for (let at = first * stepMs; at <= answeredAt.getTime(); at += stepMs) {
      allowed.add(at);
      if (at <= askedAt.getTime() && !found.has(at)) missing.push(at);
    }
  }
  return { missing, undue: [...found].filter((at) => !allowed.has(at)) };
}

describe('firing against edits', () => {
  it('gives each due instant one row, and none to an instant after the answer of a pause, an edit or a deletion', async () => {
    const organizationId = await fixture.organization();
    const teamId = await fixture.team(organizationId);
    let isOver = false;
    const firing = apps.map((app) => keepFiring(app, () => isOver));
    const lives = await Promise.all(
      Array.from({ length: SCHEDULES }, (_, n) =>
        live(apps[n % apps.length] ?? fixture.store, organizationId, teamId, n),
      ),
    );
    isOver = true;
    await Promise.all(firing);

    const rows = await fixture.sql<{ schedule_id: string; at: string }>(
      'SELECT schedule_id, (extract(epoch FROM scheduled_for) * 1000)::bigint AS at FROM schedule_runs',
    );
    let instants = 0;
    for (const [id, regimes] of lives) {
      const own = rows.filter((row) => row.schedule_id === id).map(({ at }) => Number(at));
      expect(new Set(own).size).toBe(own.length);
      expect({ id, ...judge(regimes, new Set(own)) }).toEqual({ id, missing: [], undue: [] });
      instants += own.length;
    }
    const edits = lives.reduce((sum, [, regimes]) => sum + regimes.length, 0);
    expect(instants).toBeGreaterThan(300);
    expect(edits).toBe(SCHEDULES * (EDITS + 1));
  }, 60_000);
});
