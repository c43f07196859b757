import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppError } from '@crewtab/domain/errors';
import { artifactStoreContract } from '../../test/contracts/stores/artifact-store-contract';
import { InMemoryArtifactStore } from '../../test/fakes/stores/in-memory-artifact-store';
import { FolderArtifactStore, proveShared } from './folder-artifact-store';

let root: string;
beforeEach(async () => (root = await mkdtemp(join(tmpdir(), 'crewtab-artifacts-'))));
afterEach(() => rm(root, { recursive: true, force: true }));

artifactStoreContract('FolderArtifactStore', () => new FolderArtifactStore(root));
artifactStoreContract('InMemoryArtifactStore', () => new InMemoryArtifactStore());

describe('the folder of artifacts', () => {
  const key = (): string => `${randomUUID()}/1-abc`;

  async function* broken(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('half');
    throw new AppError('engine_unreachable', 'it broke off', { retryable: true });
  }

  it('keeps nothing of a file that breaks off', async () => {
    const one = key();
    await expect(new FolderArtifactStore(root).put(one, broken())).rejects.toMatchObject({
      code: 'engine_unreachable',
    });
    expect(await readdir(join(root, one.split('/')[0] ?? ''))).toEqual([]);
  });

  it.each(['../x/1-a', 'x', `${randomUUID()}/../../etc`, `${randomUUID()}/a/b`, `/${randomUUID()}/a`])(
    'refuses the key %s',
    async (bad) => {
      await expect(new FolderArtifactStore(root).open(bad)).rejects.toMatchObject({ code: 'internal' });
    },
  );

  it('says in the words of the system what is wrong with it', async () => {
    const file = join(root, 'file');
    await writeFile(file, '');
    const failing = new FolderArtifactStore(file).put(key(), broken());
    await expect(failing).rejects.toMatchObject({ code: 'artifact_store_unreachable', retryable: true });
  });

  it('is proved to be shared by the file that the first process left', async () => {
    let agreed: string | null = null;
    const agree = (name: string): Promise<string> => Promise.resolve((agreed ??= name));
    await proveShared(root, agree);
    await proveShared(root, agree);
    expect(await readdir(root)).toEqual([agreed]);
    const other = await mkdtemp(join(tmpdir(), 'crewtab-artifacts-'));
    await expect(proveShared(other, agree)).rejects.toThrow(`it has no file "${String(agreed)}"`);
    expect(await readdir(other)).toEqual([]);
    await rm(other, { recursive: true });
  });
});
