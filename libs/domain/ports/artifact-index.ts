import type { KeptArtifact } from '../runs/artifact';

/** What the database knows of artifacts; their content is in the `ArtifactStore`. */
export interface ArtifactIndex {
  /** Of one run, by path. Null when the run is not there. */
  listArtifacts(organizationId: string, runId: string): Promise<readonly KeptArtifact[] | null>;

  /** Forgets artifacts that were kept so long ago, of at most `limit` runs, and asks for the removal of their files. */
  expireArtifacts(minAgeMs: number, limit: number): Promise<number>;

  /** Runs whose files are still to be removed, oldest request first: deleted ones, and those whose artifacts have expired. */
  findRemovals(limit: number): Promise<readonly string[]>;

  forgetRemoval(runId: string): Promise<void>;

  /** Keeps the first name that is ever proposed, and answers that one: what shows that all processes see one folder. */
  agreeOnFolder(name: string): Promise<string>;
}
