import { FakeClock } from '@test/fakes/fake-clock';
import { InMemoryArtifactIndex } from '@test/fakes/management/in-memory-artifact-index';
import { silentLogger } from '@test/fakes/silent-logger';
import { InMemoryArtifactStore } from '@test/fakes/stores/in-memory-artifact-store';
import { ArtifactRetention } from './artifact-retention';

const DAY_MS = 86_400_000;

async function world(keptMs: number | null) {
  const clock = new FakeClock();
  const index = new InMemoryArtifactIndex(clock);
  const store = new InMemoryArtifactStore();
  let removed = 0;
  const fires = { withSingleWriter: async (_: string, work: () => Promise<void>) => (await work(), true) };
  const deps = { index, store, fires, clock, logger: silentLogger, onRemoved: () => void (removed += 1) };
  const keep = async (runId: string): Promise<void> => {
    const key = `${runId}/1-a`;
    const kept = await store.put(key, content());
    index.keep('org', runId, [{ path: 'a', contentType: 'text/plain', key, ...kept }]);
  };
  return { clock, index, store, keep, retention: new ArtifactRetention(deps, keptMs), removed: () => removed };
}

async function* content(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('a');
}

describe('the retention of artifacts', () => {
  it('removes what is older than it says, with its files, and nothing younger', async () => {
    const { clock, index, store, keep, retention, removed } = await world(DAY_MS);
    await keep('old');
    await clock.advance(DAY_MS + 1);
    await keep('young');
    expect(await retention.removeOld()).toBe(1);
    expect([...store.files.keys()]).toEqual(['young/1-a']);
    expect(await index.listArtifacts('org', 'old')).toEqual([]);
    expect(await retention.removeOld()).toBe(0);
    expect(removed()).toBe(1);
  });

  it('removes the files of deleted runs, also where nothing is set, and again after a fault', async () => {
    const { index, store, keep, retention } = await world(null);
    await keep('deleted');
    await keep('kept');
    index.removals.add('deleted');
    const { removeRun } = store;
    store.removeRun = () => Promise.reject(new Error('the disk is away'));
    await expect(retention.removeOld()).rejects.toThrow('the disk is away');
    expect(index.removals.size).toBe(1);
    store.removeRun = removeRun;
    expect(await retention.removeOld()).toBe(1);
    expect([...store.files.keys()]).toEqual(['kept/1-a']);
    expect(index.removals.size).toBe(0);
  });
});
