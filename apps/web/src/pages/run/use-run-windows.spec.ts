import { describe, expect, it } from 'vitest';
import type { Entry } from './conversation';
import { shiftOf } from './use-run-windows';

const rows = (...seqs: number[]): Entry[] =>
  seqs.map((seq) => ({ kind: 'says', text: 'x', place: { seq, at: '2026-03-01T10:00:00.000Z', agent: 'lead' } }));

describe('shiftOf', () => {
  it('tells how many rows came before those that were there, or went', () => {
    expect(shiftOf(rows(5, 6), rows(2, 3, 5, 6))).toBe(-2);
    expect(shiftOf(rows(5, 6, 9), rows(9, 10))).toBe(2);
    expect(shiftOf(rows(5, 6), rows(5, 6, 7))).toBe(0);
    expect(shiftOf(rows(), rows(1))).toBe(0);
  });

  it('looks at the next row where the first one has become a piece of an earlier one', () => {
    expect(shiftOf(rows(5, 6), rows(2, 4, 6))).toBe(-1);
  });
});
