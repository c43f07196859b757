import { resolve } from 'node:path';
import type { ArtifactStore } from '@crewtab/domain/ports/artifact-store';
import { FolderArtifactStore, proveShared } from './folder-artifact-store';
import type { S3Options } from './s3-artifact-store';

/** What the settings name. */
export type ArtifactPlace = { readonly folder: string } | { readonly s3: S3Options };

/**
 * The store in that place, as soon as it is shown to be the one that all share. Null where there is none. The SDK of S3 is
 * loaded only where it is used: it costs 20 MB of memory.
 * @param agree keeps the first name that it is told, and answers that one
 * @throws AppError `artifact_store_unreachable` that names the setting to look at
 */
export async function openArtifactStore(
  place: ArtifactPlace | null,
  agree: (name: string) => Promise<string>,
): Promise<ArtifactStore | null> {
  if (place === null) return null;
  if ('folder' in place) {
    const root = resolve(place.folder);
    await proveShared(root, agree);
    return new FolderArtifactStore(root);
  }
  const { S3ArtifactStore } = await import('./s3-artifact-store');
  const store = new S3ArtifactStore(place.s3);
  await store.prove(agree);
  return store;
}
