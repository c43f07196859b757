import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { FaultTargets } from './faults/fault-targets';
import { injectFault } from './faults/inject-fault';
import type { FaultKind, PlannedFault } from './plan';

/** A fault that was planned so shortly before the end may not get its turn, ms. */
const LAST_CHANCE_MS = 30_000;

/** Carries out the plan, each fault at its time and beside the others. */
export class Nemesis {
  private readonly abort = new AbortController();
  private readonly underWay = new Set<Promise<void>>();
  /** Kinds that could not be done, with the reason. */
  readonly leftOut = new Map<string, string>();
  readonly problems: string[] = [];
  private readonly planned = new Map<FaultKind, number>();

  constructor(private readonly targets: FaultTargets) {
    // Every fault under way waits with this signal.
    setMaxListeners(0, this.abort.signal);
  }

  /** Until the last fault has begun, or `heal` was called. */
  async run(plan: readonly PlannedFault[]): Promise<void> {
    const startedAt = performance.now();
    for (const { kind, atMs } of plan) if (!this.planned.has(kind)) this.planned.set(kind, atMs);
    for (const fault of plan) {
      await this.pause(startedAt + fault.atMs - performance.now());
      if (this.abort.signal.aborted) return;
      const done = this.attempt(fault).finally(() => this.underWay.delete(done));
      this.underWay.add(done);
    }
  }

  /** Kinds that were planned early enough, and of which not one was done although it could be. */
  neverDone(durationMs: number): FaultKind[] {
    const done = this.targets.faultLog.counts();
    return [...this.planned].flatMap(([kind, atMs]) =>
      atMs > durationMs - LAST_CHANCE_MS || done[kind] || this.leftOut.has(kind) ? [] : [kind],
    );
  }

  /** Ends every fault at once, and undoes what they left. */
  async heal(): Promise<void> {
    this.targets.locks.close();
    this.abort.abort();
    await Promise.all(this.underWay);
    for (const links of this.targets.links.values())
      for (const link of [links.postgres, links.redis, links.docker, links.api]) link?.heal();
    this.targets.faultLog.endAll();
  }

  private async attempt(fault: PlannedFault): Promise<void> {
    try {
      const whyNot = await injectFault(this.targets, fault, (ms) => this.pause(ms));
      if (whyNot !== null) this.leftOut.set(fault.kind, whyNot);
    } catch (error) {
      this.problems.push(`${fault.kind} of ${fault.target}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  private async pause(ms: number): Promise<void> {
    if (ms <= 0 || this.abort.signal.aborted) return;
    // An early end is what `heal` wants.
    await delay(ms, undefined, { signal: this.abort.signal }).catch(() => undefined);
  }
}
