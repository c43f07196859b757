import { createHash } from 'node:crypto';
import type { ArtifactStore, ByteRange, StoredFile } from '@crewtab/domain/ports/artifact-store';

/** The store of artifacts without a disk. */
export class InMemoryArtifactStore implements ArtifactStore {
  readonly files = new Map<string, Buffer>();

  async put(key: string, content: AsyncIterable<Uint8Array>): Promise<StoredFile> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of content) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    this.files.set(key, bytes);
    return { bytes: bytes.length, digest: createHash('sha256').update(bytes).digest('hex') };
  }

  open(key: string, range?: ByteRange): Promise<AsyncIterable<Uint8Array> | null> {
    const bytes = this.files.get(key);
    return Promise.resolve(bytes ? oneChunk(range ? bytes.subarray(range.start, range.end + 1) : bytes) : null);
  }

  removeRun(runId: string): Promise<void> {
    for (const key of this.files.keys()) if (key.startsWith(`${runId}/`)) this.files.delete(key);
    return Promise.resolve();
  }
}

async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
