import { planHistory } from './plan-history';
import { runHistory, type HistoryResult } from './run-history';
import { Tally } from './tally';

export interface BatchResult {
  readonly histories: number;
  /** The first seed whose history breaks an invariant; null when none does. */
  readonly failingSeed: number | null;
  readonly counts: Readonly<Record<string, number>>;
}

/** A range of seeds: `from`, `from + step`, … `count` of them. */
export interface SeedRange {
  readonly from: number;
  readonly count: number;
  readonly step: number;
}

/** Lives through the histories of a range, until one is broken. */
export async function runBatch(
  { from, count, step }: SeedRange,
  onHistory: (seed: number, result: HistoryResult) => void = () => undefined,
): Promise<BatchResult> {
  const tally = new Tally();
  for (let index = 0; index < count; index++) {
    const seed = from + index * step;
    const result = await runHistory(planHistory(seed));
    tally.merge(result.counts);
    onHistory(seed, result);
    if (result.violations.length > 0) return { histories: index + 1, failingSeed: seed, counts: tally.counts };
  }
  return { histories: count, failingSeed: null, counts: tally.counts };
}
