import type { ArtifactStore } from '@crewtab/domain/ports/artifact-store';

export interface ArtifactCounts {
  files: number;
  bytes: number;
}

/** The same store, with what is put into it counted. */
export function countArtifacts(store: ArtifactStore, counts: ArtifactCounts): ArtifactStore {
  return {
    async put(key, content) {
      const stored = await store.put(key, content);
      counts.files += 1;
      counts.bytes += stored.bytes;
      return stored;
    },
    open: (key, range) => store.open(key, range),
    removeRun: (runId) => store.removeRun(runId),
  };
}
