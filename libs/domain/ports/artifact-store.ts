/**
 * Where the files that runs leave are kept, for scheduler and workers alike. Throws AppError: `artifact_store_unreachable`
 * (retryable) where it does not answer or has no room.
 */
export interface ArtifactStore {
  /**
   * Streams a file in. The key has all of it or nothing; repeating a call replaces it. A content that throws is passed on.
   * @param key `<run id>/<name>`, of letters, digits and `-` alone
   */
  put(key: string, content: AsyncIterable<Uint8Array>): Promise<StoredFile>;

  /**
   * Its content from `start` to `end`, both counted from 0 and included; default all. Null where there is none. Leaving the
   * loop early releases everything.
   */
  open(key: string, range?: ByteRange): Promise<AsyncIterable<Uint8Array> | null>;

  /** Everything that was put for the run, known or not. Idempotent. */
  removeRun(runId: string): Promise<void>;
}

export interface StoredFile {
  readonly bytes: number;
  /** SHA-256 in hex. */
  readonly digest: string;
}

export interface ByteRange {
  readonly start: number;
  readonly end: number;
}
