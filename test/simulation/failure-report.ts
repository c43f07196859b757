import { INVARIANTS } from '@crewtab/domain/invariants';
import type { HistoryPlan, PlanItem } from './history-plan';
import { runHistory } from './run-history';
import { shrink } from './shrink';

/** A broken history in words: which invariant, what was needed for it, what happened, and how to see it again. */
export async function describeFailure(plan: HistoryPlan): Promise<string[]> {
  const [first] = (await runHistory(plan)).violations;
  if (!first) return [`seed ${plan.seed}: no invariant is broken`];
  const shrunk = await shrink(plan, async (candidate) => {
    const { violations } = await runHistory(candidate);
    return violations.some(({ invariant }) => invariant === first.invariant);
  });
  const { violations, timeline } = await runHistory(shrunk, true);
  const { hosts, workers, schedulers, schedules } = shrunk;
  return [
    `seed ${plan.seed} breaks ${first.invariant}: ${INVARIANTS[first.invariant]}`,
    '',
    `shrunk from ${plan.items.length} to ${shrunk.items.length} faults and operations:`,
    ...shrunk.items.map((item) => `  ${describeItem(item)}`),
    `with ${workers.length} workers on ${hosts} host(s), ${schedulers} scheduler app(s), and`,
    ...schedules.map((schedule) => `  ${JSON.stringify(schedule)}`),
    '',
    ...timeline,
    '',
    ...violations.map(
      ({ invariant, atMs, words }) =>
        `BROKEN ${invariant} at ${(atMs / 1_000).toFixed(3)} s: ${words}\n  ${INVARIANTS[invariant]}`,
    ),
    '',
    `see it again: npm run simulate -- --seed ${plan.seed}`,
  ];
}

function describeItem(item: PlanItem): string {
  if (item.on === 'call') return `call ${item.nth} of ${item.call}: ${item.fault} (${item.ms} ms)`;
  return `at ${(item.atMs / 1_000).toFixed(3)} s: ${JSON.stringify(item.event)}`;
}
