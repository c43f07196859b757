import type { UsageSum } from '../../api/client';
import { formatCosts, formatTokens, unknownOf } from '../../usage/format-usage';
import type { Measure } from './usage-search';

/** What is drawn of a sum: its cost in one currency, or its tokens; null where nothing is known. */
export function measured(sum: UsageSum, measure: Measure, currency: string | null): number | null {
  if (measure === 'tokens') return sum.inputTokens === null ? null : sum.inputTokens + (sum.outputTokens ?? 0);
  return sum.costs.find((cost) => cost.currency === currency)?.amount ?? null;
}

/** Where costs are in several currencies, one can be drawn: the one with the most of it. */
export function currencyOf(total: UsageSum): string | null {
  return total.costs[0]?.currency ?? null;
}

/** In words: `3 runs, $0.84, 1 of 3 unknown`. */
export function describeSum(sum: UsageSum, measure: Measure): string {
  if (sum.runs === 0) return 'no runs';
  const tokens = sum.inputTokens === null ? null : `${formatTokens(sum.inputTokens + (sum.outputTokens ?? 0))} tokens`;
  const known = measure === 'cost' ? formatCosts(sum.costs) : tokens;
  const parts = [
    `${sum.runs} ${sum.runs === 1 ? 'run' : 'runs'}`,
    known ?? `${measure} unknown`,
    known === null ? null : unknownOf(sum, measure),
  ];
  return parts.filter((part) => part !== null).join(', ');
}
