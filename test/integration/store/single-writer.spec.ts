import { createPool, Database } from '@crewtab/store-prisma/database/database';
import { withSingleWriter } from '@crewtab/store-prisma/database/single-writer';
import { eventually } from '../../kit/wait-for';
import { StoreFixture } from './store-fixture';

/** Short for a process that stands still, and long for one that only waits for its turn on a busy machine. */
const IDLE_LIMIT_MS = { standingStill: 300, busy: 2_000 } as const;

/** Every session that is idle in a transaction is ended after 15 s: this limit must have come first. */
const WITHIN_MS = 10_000;

let fixture: StoreFixture;
/** As two processes have them. */
let ours: Database;
let theirs: Database;

beforeAll(async () => {
  fixture = await StoreFixture.create();
  [ours, theirs] = [open(), open()];
});
afterAll(async () => {
  await Promise.all([ours.pool.end(), theirs.pool.end()]);
  await fixture.dispose();
});

function open(): Database {
  return new Database(createPool(fixture.databaseUrl, 2, () => undefined));
}

const tryTheirs = (name: string): Promise<boolean> => withSingleWriter(theirs, name, () => Promise.resolve());

it('keeps the lock for as long as it sends heartbeats', async () => {
  let outlived = 0;
  const isDone = await withSingleWriter(
    ours,
    'beating',
    async () => {
      const until = performance.now() + 1.5 * IDLE_LIMIT_MS.busy;
      while (performance.now() < until) {
        expect(await tryTheirs('beating')).toBe(false);
        outlived += 1;
      }
    },
    { idleLimitMs: IDLE_LIMIT_MS.busy, heartbeatEveryMs: 100 },
  );
  expect(isDone).toBe(true);
  expect(outlived).toBeGreaterThan(0);
  expect(await tryTheirs('beating')).toBe(true);
});

it('loses the lock to others when it stands still, and says that it did', async () => {
  const standingStill = withSingleWriter(
    ours,
    'standing still',
    // A stopped process sends no heartbeats either.
    async () => void (await eventually(() => tryTheirs('standing still'), { timeoutMs: WITHIN_MS })),
    { idleLimitMs: IDLE_LIMIT_MS.standingStill, heartbeatEveryMs: 3_600_000 },
  );
  await expect(standingStill).rejects.toMatchObject({ code: 'store_unreachable', retryable: true });
});
