import { createHash, randomUUID } from 'node:crypto';
import type { ArtifactStore, ByteRange } from '@crewtab/domain/ports/artifact-store';

/** What every ArtifactStore must do. `make` answers an empty one. */
export function artifactStoreContract(name: string, make: () => ArtifactStore | Promise<ArtifactStore>): void {
  describe(`${name} keeps the artifact store's contract`, () => {
    let store: ArtifactStore;
    let runId: string;
    beforeEach(async () => {
      store = await make();
      runId = randomUUID();
    });
    afterEach(() => store.removeRun(runId));

    const keyOf = (file: string): string => `${runId}/1-${file}`;
    async function read(key: string, range?: ByteRange): Promise<string | null> {
      const content = await store.open(key, range);
      if (!content) return null;
      const chunks: Uint8Array[] = [];
      for await (const chunk of content) chunks.push(chunk);
      return Buffer.concat(chunks).toString();
    }

    it('gives back what was put, with its size and digest', async () => {
      const text = 'ä'.repeat(300_000);
      const digest = createHash('sha256').update(text).digest('hex');
      expect(await store.put(keyOf('a'), pieces(text))).toEqual({ bytes: 600_000, digest });
      expect(await read(keyOf('a'))).toBe(text);
    });

    it('keeps an empty file', async () => {
      expect(await store.put(keyOf('empty'), pieces(''))).toMatchObject({ bytes: 0 });
      expect(await read(keyOf('empty'))).toBe('');
    });

    it('gives parts, counted from 0 and with both ends', async () => {
      await store.put(keyOf('a'), pieces('0123456789'));
      expect(await read(keyOf('a'), { start: 2, end: 4 })).toBe('234');
      expect(await read(keyOf('a'), { start: 9, end: 9 })).toBe('9');
    });

    it('replaces what is put again', async () => {
      await store.put(keyOf('a'), pieces('first, and longer'));
      await store.put(keyOf('a'), pieces('second'));
      expect(await read(keyOf('a'))).toBe('second');
    });

    it('has nothing of a content that fails, and passes its fault on', async () => {
      await expect(store.put(keyOf('a'), failing())).rejects.toThrow('it broke off');
      expect(await read(keyOf('a'))).toBeNull();
    });

    it('has nothing where nothing was put, and nothing of a run that was removed', async () => {
      expect(await read(keyOf('no'))).toBeNull();
      await store.put(keyOf('a'), pieces('a'));
      await store.put(keyOf('b'), pieces('b'));
      for (let time = 0; time < 2; time++) await store.removeRun(runId);
      expect(await read(keyOf('a'))).toBeNull();
      expect(await read(keyOf('b'))).toBeNull();
    });
  });
}

async function* pieces(text: string): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += 70_000) yield bytes.subarray(at, at + 70_000);
}

async function* failing(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('half');
  throw new Error('it broke off');
}
