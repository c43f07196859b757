import { createHash, randomUUID } from 'node:crypto';
import { access, mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '@crewtab/domain/errors';
import type { ArtifactStore, ByteRange, StoredFile } from '@crewtab/domain/ports/artifact-store';
import { requireKey, requireRunId } from './artifact-keys';

/**
 * Artifacts as files of a folder that all schedulers and workers see. Names are made by Crewtab and never by an agent; a file
 * that was not written to its end lies beside its place, and goes with its run.
 */
export class FolderArtifactStore implements ArtifactStore {
  /** @param root absolute */
  constructor(private readonly root: string) {}

  async put(key: string, content: AsyncIterable<Uint8Array>): Promise<StoredFile> {
    const place = this.placeOf(key);
    const unfinished = `${place}.${randomUUID().slice(0, 8)}`;
    const hash = createHash('sha256');
    let bytes = 0;
    await reaching(() => mkdir(dirname(place), { recursive: true }));
    const file = await reaching(() => open(unfinished, 'wx', 0o600));
    try {
      for await (const chunk of content) {
        await reaching(() => file.writeFile(chunk));
        hash.update(chunk);
        bytes += chunk.length;
      }
      // What is listed must outlive the machine.
      await reaching(() => file.datasync());
      await file.close();
      await reaching(() => rename(unfinished, place));
    } catch (error) {
      await file.close().catch(() => undefined);
      await rm(unfinished, { force: true }).catch(() => undefined);
      throw error;
    }
    return { bytes, digest: hash.digest('hex') };
  }

  async open(key: string, range?: ByteRange): Promise<AsyncIterable<Uint8Array> | null> {
    const file = await reaching(() => open(this.placeOf(key), 'r').catch(ignoringAbsence));
    return file ? (file.createReadStream(range) as AsyncIterable<Buffer>) : null;
  }

  async removeRun(runId: string): Promise<void> {
    requireRunId(runId);
    await reaching(() => rm(join(this.root, runId), { recursive: true, force: true }));
  }

  private placeOf(key: string): string {
    requireKey(key);
    return join(this.root, key);
  }
}

/**
 * Shows that this process sees the same folder as all others of the installation: the first one leaves a file with a name of
 * its own there, which the database then knows, and every other one must find it.
 * @param agree keeps the first name that it is told, and answers that one
 * @throws AppError `artifact_store_unreachable` that says what to do
 */
export async function proveShared(root: string, agree: (name: string) => Promise<string>): Promise<void> {
  const own = `shared-${randomUUID()}`;
  await reaching(async () => {
    await mkdir(root, { recursive: true });
    await writeFile(join(root, own), 'Crewtab knows this folder by this file.\n', { mode: 0o600 });
  });
  const agreed = await agree(own);
  if (agreed === own) return;
  await rm(join(root, own), { force: true });
  const isThere = await access(join(root, agreed)).then(
    () => true,
    () => false,
  );
  if (isThere) return;
  throw new AppError(
    'artifact_store_unreachable',
    `ARTIFACT_FOLDER ${root} is not the folder in which this installation keeps its artifacts: it has no file "${agreed}". Schedulers and workers must share one folder; where it was replaced by a new one, make an empty file of that name in it.`,
  );
}

/** The operating system's errors as those of the store. */
async function reaching<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof AppError) throw error;
    const words = `the artifact store: ${(error as Error).message}`;
    throw new AppError('artifact_store_unreachable', words, { cause: error, retryable: true });
  }
}

function ignoringAbsence(error: unknown): null {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
  throw error;
}
