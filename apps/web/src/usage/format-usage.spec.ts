import { expect, it } from 'vitest';
import { costOf, formatCost, formatCosts, formatTokens, tokensOf, unknownOf } from './format-usage';

const usd = (amount: number) => ({ amount, currency: 'USD' });

it('writes costs as money, small ones with two digits that mean something', () => {
  expect([3.116, 12_345, 0.0042, 0].map((amount) => formatCost(usd(amount)))).toEqual([
    ...['$3.12', '$12,345.00', '$0.0042', '$0.00'],
  ]);
  expect(formatCosts([usd(1), { amount: 2, currency: 'EUR' }])).toBe('$1.00 + €2.00');
  expect(formatCosts([])).toBeNull();
});

it('writes what is no currency with the name that an agent gave it', () => {
  expect(formatCost({ amount: 7.5, currency: 'CREDITS' })).toBe('7.5 CREDITS');
});

it('says of a run what is known, and never 0 of what is not', () => {
  const used = { inputTokens: 1_234_567, outputTokens: 900, cost: usd(0.84), incomplete: [] };
  expect([costOf(used), tokensOf(used)]).toEqual(['$0.84', '1.2 M tokens in, 900 out']);
  const part = { ...used, incomplete: ['cost', 'tokens'] as const };
  expect([costOf(part), tokensOf(part)]).toEqual(['≥ $0.84', '≥ 1.2 M tokens in, 900 out']);
  const unknown = { inputTokens: null, outputTokens: null, cost: null, incomplete: ['cost', 'tokens'] as const };
  expect([costOf(unknown), tokensOf(unknown), costOf(null)]).toEqual([null, null, null]);
  expect([840, 34_400, 9_960_000, 205e6, 3e9].map(formatTokens)).toEqual(['840', '34 k', '10 M', '205 M', '3 G']);
});

it('says of how many something is unknown', () => {
  const none = { tokens: 0, cost: 0 };
  const sum = { runs: 31, inputTokens: 1, outputTokens: 1, costs: [], unknown: none, incomplete: none };
  const [unknown, incomplete] = [
    { tokens: 0, cost: 4 },
    { tokens: 0, cost: 2 },
  ];
  expect([
    unknownOf(sum, 'cost'),
    unknownOf({ ...sum, unknown }, 'cost'),
    unknownOf({ ...sum, incomplete }, 'cost'),
    unknownOf({ ...sum, unknown, incomplete }, 'cost'),
    unknownOf({ ...sum, unknown }, 'tokens'),
  ]).toEqual([null, '4 of 31 unknown', '2 of 31 in part', '4 of 31 unknown, 2 in part', null]);
});
