import type { KeptWorkspace, KeptWorkspaceRecord } from '@crewtab/domain/ports/kept-workspaces';
import { FakeClock } from '@test/fakes/fake-clock';
import { RecordingLogger } from '@test/fakes/recording-logger';
import { KeptWorkspaceReaper } from './kept-workspaces';

const LIMITS = { ageMs: 3_600_000, bytes: 1_024 };
const KEPT: KeptWorkspaceRecord = { scheduleId: 's', generation: 2, host: 'here', idleMs: 60_000, isInUse: false };

interface Scene {
  readonly found?: readonly KeptWorkspace[];
  readonly record?: Partial<KeptWorkspaceRecord> | null;
  readonly bytes?: number | null;
  readonly isHeld?: boolean;
  readonly isRetired?: boolean;
}

function scene({ found = [{ scheduleId: 's', generation: 2 }], record = {}, bytes = 10, ...more }: Scene = {}) {
  const { isHeld = false, isRetired = true } = more;
  const clock = new FakeClock();
  const removed: string[] = [];
  const retired: string[] = [];
  const calls = { measure: 0, find: 0 };
  const reaper = new KeptWorkspaceReaper(
    {
      clock,
      logger: new RecordingLogger(),
      keeper: {
        list: () => Promise.resolve([...found]),
        measure: () => {
          calls.measure += 1;
          return Promise.resolve(bytes === null ? null : new Map([['s', bytes]]));
        },
        remove: (_installation, { scheduleId, generation }) => {
          if (!isHeld) removed.push(`${scheduleId}-${generation}`);
          return Promise.resolve(!isHeld);
        },
      },
      store: {
        findKept: () => {
          calls.find += 1;
          return Promise.resolve(new Map(record ? [['s', { ...KEPT, ...record }]] : []));
        },
        retire: (_one, words) => {
          retired.push(words);
          return Promise.resolve(isRetired);
        },
      },
    },
    'here',
    LIMITS,
  );
  return { reaper, clock, removed, retired, calls };
}

describe('workspaces that are kept on a host', () => {
  it.each<[string, Scene, string[], RegExp | null]>([
    ['stay while they are of use', {}, [], null],
    ['go with their schedule', { record: null }, ['s-2'], null],
    ['go when they are of an older generation', { record: { generation: 3 } }, ['s-2'], null],
    ['go when the schedule has its workspace elsewhere', { record: { host: 'there' } }, ['s-2'], null],
    ['stay while a run has one of the schedule', { record: { generation: 3, isInUse: true } }, [], null],
    ['go when no run has used them for long', { record: { idleMs: 3_600_001 } }, ['s-2'], /KEPT_WORKSPACE_AGE/],
    ['go when they are too large', { bytes: 1_025 }, ['s-2'], /larger than 1k/],
    ['stay when a run has begun with one meanwhile', { bytes: 1_025, isRetired: false }, [], /larger/],
    ['stay when a container has them still', { record: null, isHeld: true }, [], null],
    ['are not ended while their size is not known', { bytes: null }, [], null],
  ])('%s', async (_what, given, gone, words) => {
    const { reaper, removed, retired } = scene(given);
    expect((await reaper.reap('i')).map(({ scheduleId, generation }) => `${scheduleId}-${generation}`)).toEqual(gone);
    expect(removed).toEqual(gone);
    expect(retired).toHaveLength(words ? 1 : 0);
    if (words) expect(retired[0]).toMatch(words);
  });

  it('are measured now and then, and Postgres is not asked where there are none', async () => {
    const { reaper, clock, calls } = scene();
    await reaper.reap('i');
    await reaper.reap('i');
    expect(calls.measure).toBe(1);
    await clock.advance(300_000);
    await reaper.reap('i');
    expect(calls.measure).toBe(2);
    const empty = scene({ found: [] });
    await empty.reaper.reap('i');
    expect(empty.calls).toEqual({ measure: 0, find: 0 });
  });
});
