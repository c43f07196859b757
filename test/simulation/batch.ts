import { planHistory } from './plan-history';
import { runHistory, type HistoryResult } from './run-history';
import { Tally } from './tally';

export interface BatchResult {
  readonly histories: number;
  /** The first seed whose history breaks an invariant; null when none does. */
  readonly failingSeed: number | null;
  readonly counts: Readonly<Record<string, number>>;
}

/** Lives through the histories of these seeds in their order, until one is broken. */
export async function runBatch(
  seeds: readonly number[],
  onHistory: (seed: number, result: HistoryResult) => void = () => undefined,
): Promise<BatchResult> {
  const tally = new Tally();
  let histories = 0;
  for (const seed of seeds) {
    const result = await runHistory(planHistory(seed));
    histories += 1;
    tally.merge(result.counts);
    onHistory(seed, result);
    if (result.violations.length > 0) return { histories, failingSeed: seed, counts: tally.counts };
  }
  return { histories, failingSeed: null, counts: tally.counts };
}
