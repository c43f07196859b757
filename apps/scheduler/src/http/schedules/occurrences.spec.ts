import fc from 'fast-check';
import { parseCron } from '@crewtab/domain/schedules/cron';
import { describeCron, describeOccurrences } from './occurrences';

const numbers = (min: number, max: number) => fc.integer({ min, max }).map(String);
const names = (...all: string[]) => fc.constantFrom(...all, ...all.map((name) => name.toUpperCase()));

function field(value: fc.Arbitrary<string>, max: number): fc.Arbitrary<string> {
  const range = fc.tuple(value, value).map(([from, to]) => `${from}-${to}`);
  const step = fc.tuple(fc.oneof(fc.constant('*'), range), numbers(1, max)).map(([base, by]) => `${base}/${by}`);
  return fc
    .array(fc.oneof(value, range, step, fc.constant('*')), { minLength: 1, maxLength: 4 })
    .map((items) => items.join(','));
}

const crons = fc
  .tuple(
    field(numbers(0, 59), 60),
    field(numbers(0, 23), 24),
    field(numbers(1, 31), 31),
    field(fc.oneof(numbers(1, 12), names('jan', 'jul', 'dec')), 12),
    field(fc.oneof(numbers(0, 7), names('sun', 'mon', 'sat')), 7),
  )
  .map((fields) => fields.join(' '))
  .filter((cron) => parseCron(cron).ok);

describe('describeCron', () => {
  it.each([
    ['0 9 * * 1-5', 'At 09:00 AM, Monday through Friday'],
    ['*/5 * * * *', 'Every 5 minutes'],
    ['@daily', 'At 12:00 AM'],
    ['@weekly', 'At 12:00 AM, only on Sunday'],
    ['@annually', 'At 12:00 AM, on day 1 of the month, only in January'],
    ['30 14 * * SUN', 'At 02:30 PM, only on Sunday'],
    ['0 0 * * 7', 'At 12:00 AM, only on Sunday'],
    ['\t0  9 1 jan *', 'At 09:00 AM, on day 1 of the month, only in January'],
  ])('puts %s into words', (cron, words) => {
    expect(describeCron(cron)).toBe(words);
  });

  it('has words for everything that the parser takes', () => {
    fc.assert(
      fc.property(crons, (cron) => expect(describeCron(cron)).not.toMatch(/undefined|NaN|^\s*$/)),
      { numRuns: 500 },
    );
  });
});

describe('describeOccurrences', () => {
  it('ends with the calendar instead of failing', () => {
    const { occurrences } = describeOccurrences('0 0 29 2 *', 'UTC', new Date('2026-01-01T00:00:00Z'), 1_000);
    expect(occurrences).toHaveLength(1_000);
    const beyond = describeOccurrences('0 0 29 2 *', 'UTC', new Date('+275760-01-01T00:00:00Z'), 5);
    expect(beyond.occurrences).toEqual([]);
  });

  it('ends with the year 9999, the last that an instant of the API can have', () => {
    const late = describeOccurrences('0 0 1 12 *', 'UTC', new Date('9998-01-01T00:00:00Z'), 5);
    expect(late.occurrences).toEqual(['9998-12-01T00:00:00.000Z', '9999-12-01T00:00:00.000Z']);
  });

  it('gives instants in order, each after the one before', () => {
    const { occurrences } = describeOccurrences('*/7 3-5 * * *', 'Europe/Berlin', new Date('2026-03-28T00:00:00Z'), 50);
    expect([...occurrences].sort()).toEqual(occurrences);
    expect(new Set(occurrences).size).toBe(50);
  });
});
