import type { UsageSum, Used } from '../api/client';

interface Money {
  readonly amount: number;
  readonly currency: string;
}

/** `$3.12`, `$0.0042`; with the name that an agent gave it where that is no currency. */
export function formatCost({ amount, currency }: Money): string {
  // Of what is less than a cent two digits that mean something.
  const digits = amount > 0 && amount < 0.01 ? { maximumSignificantDigits: 2 } : { maximumFractionDigits: 2 };
  try {
    return new Intl.NumberFormat(undefined, {
      ...{ style: 'currency', currency, currencyDisplay: 'narrowSymbol' },
      ...digits,
    }).format(amount);
  } catch {
    return `${new Intl.NumberFormat(undefined, digits).format(amount)} ${currency}`;
  }
}

/** `$3.12 + €0.40`; null where nothing is known. */
export function formatCosts(costs: readonly Money[]): string | null {
  return costs.length === 0 ? null : costs.map(formatCost).join(' + ');
}

/** The same in every language: `m` would be a thousandth. */
const UNITS = [
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
] as const;

/** `1.2 M`, `34 k`, `840` */
export function formatTokens(count: number): string {
  const [size, unit] = UNITS.find(([least]) => count >= least) ?? [1, ''];
  const digits = count / size < 10 && unit !== '' ? 1 : 0;
  const number = new Intl.NumberFormat(undefined, { maximumFractionDigits: digits }).format(count / size);
  return unit === '' ? number : `${number} ${unit}`;
}

/** `$0.84`, `≥ $0.84` where something was not reported; null where nothing is known. */
export function costOf(used: Used | null): string | null {
  if (!used?.cost) return null;
  return `${used.incomplete.includes('cost') ? '≥ ' : ''}${formatCost(used.cost)}`;
}

/** `1.2 M tokens in, 34 k out`; null where nothing is known. */
export function tokensOf(used: Used | null): string | null {
  if (!used || used.inputTokens === null) return null;
  const atLeast = used.incomplete.includes('tokens') ? '≥ ' : '';
  return `${atLeast}${formatTokens(used.inputTokens)} tokens in, ${formatTokens(used.outputTokens ?? 0)} out`;
}

/** `4 of 31 unknown`, `4 of 31 unknown, 2 in part`; null where all is known. */
export function unknownOf({ runs, unknown, incomplete }: UsageSum, part: 'tokens' | 'cost'): string | null {
  const [none, some] = [unknown[part], incomplete[part]];
  const words = [
    none === 0 ? null : `${none.toLocaleString()} of ${runs.toLocaleString()} unknown`,
    some === 0
      ? null
      : `${none === 0 ? `${some.toLocaleString()} of ${runs.toLocaleString()}` : some.toLocaleString()} in part`,
  ].filter((word) => word !== null);
  return words.length === 0 ? null : words.join(', ');
}
