import type { Failure } from '@crewtab/domain/errors';
import { FakeClock } from '@test/fakes/fake-clock';
import { FakeRuntime } from '@test/fakes/runtime/fake-runtime';
import { silentLogger } from '@test/fakes/silent-logger';
import { DISK_EVERY_MS, DiskWatch } from './disk-watch';

describe('DiskWatch', () => {
  const setUp = (heldRunIds: readonly string[]) => {
    const runtime = new FakeRuntime();
    const clock = new FakeClock();
    const failed = new Map<string, Failure>();
    const holder = {
      heldRunIds: [...heldRunIds],
      noteDiskFailure: (runId: string, failure: Failure) => void failed.set(runId, failure),
    };
    const store = { installationId: () => Promise.resolve('one') };
    const watch = new DiskWatch({ store, runtime, holder, clock, logger: silentLogger }, 1_000);
    watch.start();
    return { runtime, clock, failed, watch };
  };

  it('ends the held runs that are over the limit, and no other', async () => {
    const { runtime, clock, failed, watch } = setUp(['much', 'little', 'unknown']);
    for (const [runId, bytes] of Object.entries({ much: 1_001, little: 1_000, foreign: 9_999 }))
      runtime.engine.diskBytes.set(runId, bytes);
    await clock.advance(DISK_EVERY_MS);
    expect([...failed]).toEqual([
      ['much', { code: 'disk_limit', message: "the run takes 1001 bytes of its host's disk, and may take 1000" }],
    ]);
    await watch.stop();
  });

  it('asks nothing while no run is held', async () => {
    const { runtime, clock, watch } = setUp([]);
    await clock.advance(3 * DISK_EVERY_MS);
    expect(runtime.callsOf('measureDisk')).toBe(0);
    await watch.stop();
  });

  it('asks again after an engine that did not answer', async () => {
    const { runtime, clock, failed, watch } = setUp(['much']);
    runtime.engine.diskBytes.set('much', 2_000);
    runtime.faults.next('measureDisk', 'failBefore');
    await clock.advance(DISK_EVERY_MS);
    expect(failed.size).toBe(0);
    await clock.advance(DISK_EVERY_MS);
    expect(failed.size).toBe(1);
    await watch.stop();
  });
});
