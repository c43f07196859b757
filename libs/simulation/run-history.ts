import { isTerminal } from '@crewtab/domain/runs/run';
import { FinalChecks } from './final-checks';
import type { HistoryPlan } from './history-plan';
import { SimWorld } from './sim-world';
import type { Violation } from './violations';

export interface HistoryResult {
  readonly violations: readonly Violation[];
  /** Equal for two histories that went the same way. */
  readonly fingerprint: string;
  readonly counts: Readonly<Record<string, number>>;
  /** Empty unless asked for. */
  readonly timeline: readonly string[];
}

/** What is promised: 60 s after the faults are over, or after the last deadline, nothing is left to do. */
const CONVERGES_WITHIN_MS = 60_000;
/** Between two looks whether all has come to rest. */
const LOOK_EVERY_MS = 10_000;
/** At rest for so long, leftovers must be gone. */
const AFTERMATH_MS = 40_000;
/** Nothing may keep a history from its end. */
const LONGEST_MS = 3_600_000;

/** Lives through one planned history: faults, healing, rest, and then the account. */
export async function runHistory(plan: HistoryPlan, isVerbose = false): Promise<HistoryResult> {
  const world = new SimWorld(plan, isVerbose);
  await world.start();
  await world.time.runUntil(plan.chaosMs);
  world.faults.heal();
  await world.schedules.pauseAll();
  await untilAtRest(world);
  const checks = new FinalChecks(world, {
    harmedRuns: world.faults.harmedRuns,
    unseenEnds: world.faults.unseenEnds,
    hasDisturbedEngine: world.faults.hasDisturbedEngine,
    isUndisturbed: plan.items.every((item) => item.on === 'time' && item.event.kind === 'manualRun'),
  });
  checks.checkAll(world.schedules.booked, world.schedules.manualRuns);
  world.tally.add('orphan reaped', world.faults.reapedOrphans());
  world.tally.add('runs', world.store.all().length);
  world.tally.add('steps', world.time.steps);
  world.tally.add('simulated seconds', Math.round(world.nowMs() / 1_000));
  return {
    violations: world.violations.found,
    fingerprint: world.timeline.fingerprint,
    counts: world.tally.counts,
    timeline: world.timeline.lines,
  };
}

/** Runs that wait for each other get their time one after the other. */
async function untilAtRest(world: SimWorld): Promise<void> {
  let obligationMs = world.nowMs();
  while (world.nowMs() <= obligationMs + CONVERGES_WITHIN_MS && world.nowMs() < LONGEST_MS) {
    const active = world.store.all().filter(({ status, phase }) => !isTerminal(status) || phase !== 'finished');
    if (active.length === 0) break;
    const deadlines = active.map(({ deadlineAt }) => (deadlineAt?.getTime() ?? 0) - world.plan.startAt);
    obligationMs = Math.max(obligationMs, ...deadlines);
    await world.time.runUntil(world.nowMs() + LOOK_EVERY_MS);
  }
  await world.time.runUntil(world.nowMs() + AFTERMATH_MS);
  world.checks.lookAtAll();
}
