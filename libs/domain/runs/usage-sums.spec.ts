import { addUpByDay, addUpCells, type UsageCell } from './usage-sums';

const NONE = { tokens: 0, cost: 0 };
const NOTHING_MISSING = { unknown: NONE, incomplete: NONE };
const cell = (fields: Partial<UsageCell>): UsageCell => ({
  ...{ day: 0, runs: 1, parts: 2, inputTokens: null, outputTokens: null, cost: null },
  ...{ ofRuns: NOTHING_MISSING, ofParts: NOTHING_MISSING },
  ...fields,
});
const cost = (amount: number, currency = 'USD') => ({ amount, currency });

it('adds up nothing to nothing, which is no zero', () => {
  expect(addUpCells([], 'runs')).toEqual({
    ...{ runs: 0, inputTokens: null, outputTokens: null, costs: [] },
    ...NOTHING_MISSING,
  });
});

it('adds up what is known, each currency by itself, without the noise of binary fractions', () => {
  const cells = [
    cell({ inputTokens: 1, outputTokens: 2, cost: cost(0.1) }),
    cell({ inputTokens: 3, outputTokens: 0, cost: cost(0.2) }),
    cell({
      cost: cost(5, 'EUR'),
      ofRuns: { unknown: { tokens: 1, cost: 0 }, incomplete: { tokens: 0, cost: 1 } },
      ofParts: { unknown: { tokens: 2, cost: 1 }, incomplete: NONE },
    }),
  ];
  expect(addUpCells(cells, 'runs')).toEqual({
    ...{ runs: 3, inputTokens: 4, outputTokens: 2, costs: [cost(5, 'EUR'), cost(0.3)] },
    ...{ unknown: { tokens: 1, cost: 0 }, incomplete: { tokens: 0, cost: 1 } },
  });
  expect(addUpCells(cells, 'parts')).toMatchObject({ runs: 6, unknown: { tokens: 2, cost: 1 } });
});

it('keeps days apart', () => {
  const sums = addUpByDay([cell({ day: 4 }), cell({ day: 1 }), cell({ day: 1 })], 'runs');
  expect([...sums].map(([day, { runs }]) => [day, runs])).toEqual([
    [1, 2],
    [4, 1],
  ]);
});
