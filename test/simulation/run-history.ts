import { isTerminal, type Run } from '@crewtab/domain/runs/run';
import { checkEvents } from './event-checks';
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

/** What is promised: 60 s after the faults are over, or after its deadline, nothing is left to do for a run. */
const CONVERGES_WITHIN_MS = 60_000;
/** Between two looks whether all has come to rest. */
const LOOK_EVERY_MS = 1_000;
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
  checks.checkAll(world.schedules);
  checkEvents(world);
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

/**
 * Looks until nothing is left to do, or something is that should be over. A run that was begun has until its own deadline;
 * one that waits for a place, or for another run of its schedule, has no deadline yet, and waits for the last of the others.
 */
async function untilAtRest(world: SimWorld): Promise<void> {
  const healedMs = world.nowMs();
  let lastDeadlineMs = healedMs;
  for (let active = activeRuns(world); active.length > 0; active = activeRuns(world)) {
    const deadlineOf = ({ deadlineAt }: Run): number => (deadlineAt?.getTime() ?? 0) - world.plan.startAt;
    lastDeadlineMs = Math.max(lastDeadlineMs, ...active.map(deadlineOf));
    const owedMs = (run: Run): number => (run.deadlineAt ? Math.max(healedMs, deadlineOf(run)) : lastDeadlineMs);
    const isTooLong = world.nowMs() >= LONGEST_MS;
    const late = active.filter((run) => isTooLong || world.nowMs() > owedMs(run) + CONVERGES_WITHIN_MS);
    for (const run of late)
      world.violations.add(
        'I15',
        run.id,
        `is still ${run.status} (${run.phase}), ${world.nowMs() - owedMs(run)} ms after the end of the faults or its deadline`,
      );
    if (late.length > 0) break;
    await world.time.runUntil(world.nowMs() + LOOK_EVERY_MS);
  }
  await world.time.runUntil(world.nowMs() + AFTERMATH_MS);
  world.checks.lookAtAll();
}

function activeRuns(world: SimWorld): Run[] {
  return world.store.all().filter(({ status, phase }) => !isTerminal(status) || phase !== 'finished');
}
