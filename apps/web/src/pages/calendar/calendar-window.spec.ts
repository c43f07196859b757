import { expect, it } from 'vitest';
import { ticksOf, ticksWithRoom, windowOf } from './calendar-window';

const now = new Date('2026-12-01T10:07:31Z');
const iso = (at: number): string => new Date(at).toISOString();

it('has now in its middle, rounded so that it moves in steps', () => {
  const { from, to } = windowOf('24h', 0, now);
  expect([iso(from), iso(to)]).toEqual(['2026-11-30T10:00:00.000Z', '2026-12-02T10:00:00.000Z']);
});

it('is shifted by halves', () => {
  expect(iso(windowOf('7d', -1, now).to)).toBe('2026-12-01T10:00:00.000Z');
});

it('is marked at midnights of the zone', () => {
  const ticks = ticksOf('7d', windowOf('7d', 0, now), 'America/New_York');
  expect(iso(ticks[0]?.at ?? 0)).toBe('2026-11-25T05:00:00.000Z');
  expect(ticks).toHaveLength(14);
  const hours = ticksOf('24h', windowOf('24h', 0, now), 'UTC').map(({ at }) => iso(at).slice(11, 16));
  expect(hours).toEqual(['12:00', '18:00', '00:00', '06:00', '12:00', '18:00', '00:00', '06:00']);
});

it('names the ticks that have room for their words', () => {
  const ticks = [0, 30, 60, 200, 260, 380].map((px) => ({ px, wordsPx: 50 }));
  const room = { axisPx: 400, nowPx: 240, aroundNowPx: 40 };
  expect(ticksWithRoom(ticks, room).map(({ px }) => px)).toEqual([0, 60, 260]);
  expect(ticksWithRoom(ticks, { ...room, nowPx: null }).map(({ px }) => px)).toEqual([0, 60, 200, 260]);
});
