import { expect, it } from 'vitest';
import { mergeLedger } from './merge-ledger';

const entry = (at: string) => ({ at, run: { id: `run of ${at}` } }) as never;
const pause = (from: string, to: string | null) => ({ from, to, note: null, instants: [], hasMore: false });
const day = (n: number): string => `2026-11-${String(n).padStart(2, '0')}T00:00:00.000Z`;

it('puts a pause between the instants before and after it, once', () => {
  const holiday = pause(day(10), day(20));
  const pages = [
    { items: [entry(day(22)), entry(day(21))], nextCursor: 'x', pauses: [pause(day(25), null), holiday] },
    { items: [entry(day(9)), entry(day(8))], nextCursor: null, pauses: [holiday] },
  ];
  expect(mergeLedger(pages).map(({ key }) => key)).toEqual([
    ...[day(25), `run of ${day(22)}`, `run of ${day(21)}`, day(10), `run of ${day(9)}`, `run of ${day(8)}`],
  ]);
});
