import type { ArtifactIndex } from '@crewtab/domain/ports/artifact-index';
import type { Clock } from '@crewtab/domain/ports/clock';
import type { KeptArtifact } from '@crewtab/domain/runs/artifact';

interface KeptRun {
  readonly organizationId: string;
  readonly keptAt: Date;
  readonly artifacts: readonly KeptArtifact[];
}

/** The index of artifacts without a database. */
export class InMemoryArtifactIndex implements ArtifactIndex {
  readonly runs = new Map<string, KeptRun>();
  readonly removals = new Set<string>();
  private folder: string | null = null;

  constructor(private readonly clock: Pick<Clock, 'now'>) {}

  /** For tests: a run, with what was kept of it at this moment. */
  keep(organizationId: string, runId: string, artifacts: readonly KeptArtifact[] = []): void {
    this.runs.set(runId, { organizationId, keptAt: this.clock.now(), artifacts });
  }

  listArtifacts(organizationId: string, runId: string): Promise<readonly KeptArtifact[] | null> {
    const run = this.runs.get(runId);
    return Promise.resolve(run?.organizationId === organizationId ? run.artifacts : null);
  }

  expireArtifacts(minAgeMs: number, limit: number): Promise<number> {
    const isOld = ({ keptAt }: KeptRun): boolean => keptAt.getTime() < this.clock.now().getTime() - minAgeMs;
    const old = [...this.runs].filter(([, run]) => run.artifacts.length > 0 && isOld(run)).slice(0, limit);
    for (const [runId, run] of old) {
      this.runs.set(runId, { ...run, artifacts: [] });
      this.removals.add(runId);
    }
    return Promise.resolve(old.length);
  }

  findRemovals(limit: number): Promise<readonly string[]> {
    return Promise.resolve([...this.removals].slice(0, limit));
  }

  forgetRemoval(runId: string): Promise<void> {
    this.removals.delete(runId);
    return Promise.resolve();
  }

  agreeOnFolder(name: string): Promise<string> {
    return Promise.resolve((this.folder ??= name));
  }
}
