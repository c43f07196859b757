import { AppError, errorMessage } from '@crewtab/domain/errors';
import type { Clock } from '@crewtab/domain/ports/clock';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { RunStore } from '@crewtab/domain/ports/run-store';
import type { EgressProxy } from '@crewtab/domain/ports/egress-proxy';
import type { ToolServer } from '@crewtab/domain/ports/tool-server';
import type { ResourceCounts, RunResources, Runtime } from '@crewtab/domain/ports/runtime';
import { answerWithin, Loop } from '../timing';
import type { KeptWorkspaceReaper } from './kept-workspaces';
import { removeRun, type Removal } from '../running/team-deployment';

/** How long a look at the host is waited for, ms. */
export const LIST_LIMIT_MS = 20_000;
/** Between two iterations, ms. */
export const REAP_EVERY_MS = 10_000;
/** Resources of a run that Postgres does not know are left alone while the youngest is younger than this, ms. */
const UNKNOWN_GRACE_MS = 15_000;

export interface ReapReport {
  /** Run ids whose resources were removed. */
  readonly reaped: readonly string[];
  readonly left: number;
  /** What was removed, by run. */
  readonly removed: ReadonlyMap<string, ResourceCounts>;
  /** Runs of which something is still there. */
  readonly resisting: readonly string[];
}

/** What a reaper has found so far, for an operator. */
export interface ReaperFindings {
  /** By the process's monotonic clock, ms; null before the first complete iteration. */
  readonly lastIterationAtMs: number | null;
  readonly reapedRuns: number;
  /** What the last iteration could not remove. */
  readonly unremovedResources: number;
  /** Why the last iteration failed; null when it did not. */
  readonly error: string | null;
}

/**
 * Removes what belongs to a finished or unknown run of this installation from one host. Never touches what lacks the
 * installation's label; never reaps while Postgres cannot be read, since then every run would look unknown. A run that
 * is still being torn down belongs to its driver.
 */
export class OrphanReaper {
  private readonly loop: Loop;
  lastIterationAt: Date | null = null;
  findings: ReaperFindings = { lastIterationAtMs: null, reapedRuns: 0, unremovedResources: 0, error: null };

  constructor(
    private readonly deps: {
      readonly store: Pick<RunStore, 'installationId' | 'lookUp'>;
      readonly runtime: Pick<Runtime, 'list' | 'teardown'>;
      /** Null where leaders get no team tools. */
      readonly toolServer: Pick<ToolServer, 'list' | 'remove'> | null;
      /** Null where agents reach no listed hosts. */
      readonly egressProxy: Pick<EgressProxy, 'list' | 'remove'> | null;
      /** Null where no workspace is kept between runs. */
      readonly keptReaper?: Pick<KeptWorkspaceReaper, 'reap'> | null;
      readonly clock: Clock;
      readonly logger: Logger;
    },
    everyMs: number = REAP_EVERY_MS,
  ) {
    this.loop = new Loop({
      clock: deps.clock,
      everyMs,
      work: () => this.iterate(),
      onOverdue: (afterMs) => deps.logger.error({ afterMs }, 'reaping does not come back; beginning again'),
    });
  }

  start(): void {
    this.loop.start();
  }

  async stop(): Promise<void> {
    await this.loop.stop();
  }

  /** Removes what is over, and says in the log first what it found. */
  async reap(): Promise<ReapReport> {
    const { store, logger } = this.deps;
    const installationId = await store.installationId();
    const found = await this.look(installationId);
    if (found.length === 0) return NOTHING_FOUND;
    const known = await store.lookUp(found.map(({ runId }) => runId));
    const orphans = found.filter((resources) => isOrphan(resources, known.get(resources.runId)));
    let left = 0;
    const removed = new Map<string, ResourceCounts>();
    const resisting: string[] = [];
    for (const { runId, resources } of orphans)
      logger.warn({ runId, resources, isKnown: known.has(runId) }, 'found leftovers of a run that is over');
    const waiting = [...orphans];
    const next = (): RunResources | null => waiting.shift() ?? null;
    await removeSideBySide(next, async (orphan) => {
      const { runId } = orphan;
      const removal = await this.remove(installationId, orphan);
      if (removal.kind !== 'unanswered') removed.set(runId, removal.removed);
      if (removal.kind === 'clean') return;
      left += removal.kind === 'leftover' ? removal.left.length : countAll(orphan.resources);
      resisting.push(runId);
    });
    return { reaped: orphans.map(({ runId }) => runId), left, removed, resisting };
  }

  private async look(installationId: string): Promise<RunResources[]> {
    const { runtime, clock } = this.deps;
    const look = await answerWithin(clock, LIST_LIMIT_MS, runtime.list(installationId));
    if (look) return look.answer;
    throw new AppError('engine_unreachable', `look at the host: no answer within ${LIST_LIMIT_MS} ms`, {
      retryable: true,
    });
  }

  /** @throws what the engine refused with: then the host is not reaped. */
  private async remove(installationId: string, { runId }: RunResources): Promise<Removal> {
    const { logger } = this.deps;
    const removal = await removeRun(this.deps, installationId, runId, 0);
    if (removal.kind === 'leftover') logger.error({ runId, left: removal.left }, 'leftovers resist; trying again');
    if (removal.kind !== 'unanswered') return removal;
    if (removal.error !== null) throw removal.error;
    logger.error({ runId, error: removal.failure.message }, 'the removal of leftovers gives no answer; trying again');
    return removal;
  }

  /** A whole iteration, as the reaper makes them by itself. Throws when engine or database did not answer every question. */
  async reapHost(): Promise<ReapReport> {
    const { clock } = this.deps;
    try {
      const report = await this.reap();
      const { toolServer, egressProxy } = this.deps;
      for (const owner of [toolServer, egressProxy]) if (owner !== null) await this.clearFolders(owner);
      await this.deps.keptReaper?.reap(await this.deps.store.installationId());
      this.lastIterationAt = clock.now();
      const reapedRuns = this.findings.reapedRuns + report.reaped.length - report.resisting.length;
      this.findings = {
        lastIterationAtMs: clock.monotonicMs(),
        reapedRuns,
        unremovedResources: report.left,
        error: null,
      };
      return report;
    } catch (error) {
      this.findings = { ...this.findings, error: errorMessage(error) };
      throw error;
    }
  }

  /** Socket folders of runs that are over; those of unknown runs stay, since nothing tells how old they are. */
  private async clearFolders(owner: Pick<ToolServer | EgressProxy, 'list' | 'remove'>): Promise<void> {
    const runIds = await owner.list();
    if (runIds.length === 0) return;
    const known = await this.deps.store.lookUp(runIds);
    for (const runId of runIds) if (known.get(runId)?.isFinished) await owner.remove(runId);
  }

  private async iterate(): Promise<void> {
    try {
      await this.reapHost();
    } catch (error) {
      this.deps.logger.error({ error: errorMessage(error) }, 'reaping failed; trying again');
    }
  }
}

const NOTHING_FOUND: ReapReport = { reaped: [], left: 0, removed: new Map(), resisting: [] };

function countAll(resources: ResourceCounts): number {
  return Object.values(resources).reduce((sum, count) => sum + count, 0);
}

function isOrphan(resources: RunResources, run: { readonly isFinished: boolean } | undefined): boolean {
  return run ? run.isFinished : resources.youngestAgeMs > UNKNOWN_GRACE_MS;
}

/** How many removals one loop has under way at once, so that one that hangs does not hold up the others. */
const REMOVALS_AT_ONCE = 4;

/** Removes from several runs side by side: takes what `next` gives until it gives null. Rejects with the first failure. */
export async function removeSideBySide<T>(
  next: () => Promise<T | null> | T | null,
  remove: (one: T) => Promise<void>,
): Promise<void> {
  const lane = async (): Promise<void> => {
    for (let one = await next(); one !== null; one = await next()) await remove(one);
  };
  await Promise.all(Array.from({ length: REMOVALS_AT_ONCE }, lane));
}
