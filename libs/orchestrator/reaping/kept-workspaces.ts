import { formatDuration } from '@crewtab/domain/durations';
import { formatMemorySize } from '@crewtab/domain/teams/team';
import type { Clock } from '@crewtab/domain/ports/clock';
import type {
  KeptWorkspace,
  KeptWorkspaceRecord,
  KeptWorkspaceStore,
  WorkspaceKeeper,
} from '@crewtab/domain/ports/kept-workspaces';
import type { Logger } from '@crewtab/domain/ports/logger';

export interface KeptLimits {
  /** A workspace that no run has used for so long is removed, ms. */
  readonly ageMs: number;
  /** One that is larger after a run is removed, bytes. */
  readonly bytes: number;
}

/** The engine walks through every volume for it. */
const MEASURE_EVERY_MS = 300_000;

export interface KeptDeps {
  readonly keeper: WorkspaceKeeper;
  readonly store: KeptWorkspaceStore;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Removes from one host the kept workspaces that no run will use again: of deleted schedules, of older generations, and of
 * schedules whose workspace is elsewhere by now. Ends those that are too old or too large. One that a run has is never touched.
 */
export class KeptWorkspaceReaper {
  private measuredAtMs: number | null = null;

  constructor(
    private readonly deps: KeptDeps,
    private readonly host: string,
    private readonly limits: KeptLimits,
  ) {}

  /** @throws where engine or database did not answer: then nothing more is removed. */
  async reap(installationId: string): Promise<readonly KeptWorkspace[]> {
    const { keeper, store, logger } = this.deps;
    const found = await keeper.list(installationId);
    if (found.length === 0) return [];
    const sizes = await this.sizes(installationId);
    const known = await store.findKept(found.map(({ scheduleId }) => scheduleId));
    const removed: KeptWorkspace[] = [];
    for (const one of found) {
      const record = known.get(one.scheduleId);
      if (!(await this.isOver(one, record, sizes?.get(one.scheduleId)))) continue;
      if (!(await keeper.remove(installationId, one))) continue;
      removed.push(one);
      logger.info({ scheduleId: one.scheduleId, generation: one.generation }, 'removed a kept workspace');
    }
    return removed;
  }

  private async isOver(one: KeptWorkspace, record: KeptWorkspaceRecord | undefined, bytes = 0): Promise<boolean> {
    if (!record) return true;
    if (record.isInUse) return false;
    if (one.generation !== record.generation || record.host !== this.host) return true;
    const why = this.whyEnded(record, bytes);
    return why !== null && this.deps.store.retire(one, why);
  }

  private whyEnded({ idleMs }: KeptWorkspaceRecord, bytes: number): string | null {
    const { ageMs, bytes: most } = this.limits;
    if (idleMs > ageMs) return `no run had used it for ${formatDuration(ageMs)} (KEPT_WORKSPACE_AGE)`;
    return bytes > most ? `it was larger than ${formatMemorySize(most)} (KEPT_WORKSPACE_LIMIT)` : null;
  }

  private async sizes(installationId: string): Promise<ReadonlyMap<string, number> | null> {
    const now = this.deps.clock.monotonicMs();
    if (this.measuredAtMs !== null && now - this.measuredAtMs < MEASURE_EVERY_MS) return null;
    const sizes = await this.deps.keeper.measure(installationId);
    if (sizes) this.measuredAtMs = now;
    return sizes;
  }
}
