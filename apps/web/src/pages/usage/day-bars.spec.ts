import { expect, it } from 'vitest';
import { currencyOf, describeSum, measured } from './day-bars';

const sum = {
  ...{ runs: 3, inputTokens: 10, outputTokens: 2, unknown: { tokens: 0, cost: 1 } },
  incomplete: { tokens: 0, cost: 0 },
  costs: [
    { amount: 2, currency: 'USD' },
    { amount: 1, currency: 'EUR' },
  ],
};
const unknown = {
  runs: 1,
  inputTokens: null,
  outputTokens: null,
  costs: [],
  unknown: { tokens: 1, cost: 1 },
  incomplete: { tokens: 0, cost: 0 },
};

it('draws one currency, and nothing of what is not known', () => {
  expect(currencyOf(sum)).toBe('USD');
  expect([measured(sum, 'cost', 'USD'), measured(sum, 'cost', 'GBP'), measured(sum, 'tokens', null)]).toEqual([
    ...[2, null, 12],
  ]);
  expect([measured(unknown, 'cost', 'USD'), measured(unknown, 'tokens', null)]).toEqual([null, null]);
});

it('says a day in words', () => {
  expect(describeSum(sum, 'cost')).toBe('3 runs, $2.00 + €1.00, 1 of 3 unknown');
  expect(describeSum(sum, 'tokens')).toBe('3 runs, 12 tokens');
  expect(describeSum(unknown, 'cost')).toBe('1 run, cost unknown');
  expect(describeSum({ ...unknown, runs: 0 }, 'cost')).toBe('no runs');
});
