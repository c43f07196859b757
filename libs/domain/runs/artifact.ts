/** A file that a run left and that is kept. */
export interface KeptArtifact {
  /** Relative to the workspace; nothing in it leads out. */
  readonly path: string;
  readonly bytes: number;
  /** SHA-256 of its content, in hex. */
  readonly digest: string;
  /** By its name alone: what it really is, no one has looked. */
  readonly contentType: string;
  /** Where the store has it. */
  readonly key: string;
}
