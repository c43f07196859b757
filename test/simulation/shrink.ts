import type { HistoryPlan, PlanItem } from './history-plan';

/** Histories that are lived through at most in search of a shorter one. */
const MOST_TRIES = 400;

/**
 * The smallest plan found that is still broken: takes away faults and operations in halves, quarters and so on (delta
 * debugging), then schedules and slowness.
 * @param isBroken lives through the plan
 */
export async function shrink(
  plan: HistoryPlan,
  isBroken: (candidate: HistoryPlan) => Promise<boolean>,
): Promise<HistoryPlan> {
  let left = MOST_TRIES;
  const stillBroken = async (candidate: HistoryPlan): Promise<boolean> => left-- > 0 && (await isBroken(candidate));
  let smallest = await shrinkItems(plan, stillBroken);
  for (const simpler of simplifications(smallest)) {
    const candidate = simpler(smallest);
    if (candidate && (await stillBroken(candidate))) smallest = candidate;
  }
  return shrinkItems(smallest, stillBroken);
}

async function shrinkItems(
  plan: HistoryPlan,
  isBroken: (candidate: HistoryPlan) => Promise<boolean>,
): Promise<HistoryPlan> {
  let items = plan.items;
  for (let size = Math.ceil(items.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < items.length;) {
      const without: readonly PlanItem[] = [...items.slice(0, from), ...items.slice(from + size)];
      if (await isBroken({ ...plan, items: without })) items = without;
      else from += size;
    }
  }
  return { ...plan, items };
}

type Simplification = (plan: HistoryPlan) => HistoryPlan | null;

/** Each is tried on what the ones before it left. */
function simplifications(plan: HistoryPlan): Simplification[] {
  const withoutSchedule = plan.schedules.map((_, index): Simplification => {
    const at = plan.schedules.length - 1 - index;
    return (from) =>
      from.schedules.length > 1 ? { ...from, schedules: from.schedules.filter((_one, each) => each !== at) } : null;
  });
  return [
    ...withoutSchedule,
    (from) => ({ ...from, slowCalls: 0 }),
    (from) => ({ ...from, schedulers: 1 }),
    (from) => ({ ...from, hosts: 1, workers: from.workers.map(() => 0) }),
  ];
}
