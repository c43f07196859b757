import { lastLocalDays, localDaysBetween } from './local-days';

const at = (text: string): Date => new Date(text);
const days = (zone: string, from: string, to: string) =>
  localDaysBetween(zone, at(from), at(to)).map((day) => [day.date, day.from.toISOString(), day.to.toISOString()]);

describe('localDaysBetween', () => {
  it('cuts at the midnights of the zone, and the ends where the span does', () => {
    expect(days('Asia/Kolkata', '2026-03-01T10:00:00Z', '2026-03-02T20:00:00Z')).toEqual([
      ['2026-03-01', '2026-03-01T10:00:00.000Z', '2026-03-01T18:30:00.000Z'],
      ['2026-03-02', '2026-03-01T18:30:00.000Z', '2026-03-02T18:30:00.000Z'],
      ['2026-03-03', '2026-03-02T18:30:00.000Z', '2026-03-02T20:00:00.000Z'],
    ]);
  });

  it('has days of 23 and of 25 hours where the clock changes, also at midnight', () => {
    const hours = (zone: string, from: string, to: string) =>
      localDaysBetween(zone, at(from), at(to)).map((day) => (day.to.getTime() - day.from.getTime()) / 3_600_000);
    expect(hours('Europe/Berlin', '2026-03-28T23:00:00Z', '2026-03-29T22:00:00Z')).toEqual([23]);
    expect(hours('Europe/Berlin', '2026-10-24T22:00:00Z', '2026-10-25T23:00:00Z')).toEqual([25]);
    // 2018-11-04 began at 01:00 in São Paulo.
    expect(hours('America/Sao_Paulo', '2018-11-03T03:00:00Z', '2018-11-05T02:00:00Z')).toEqual([24, 23]);
  });

  it('takes a span that ends at midnight for no part of the next day', () => {
    expect(days('UTC', '2026-03-01T00:00:00Z', '2026-03-02T00:00:00Z')).toHaveLength(1);
  });
});

describe('lastLocalDays', () => {
  it('begins at a midnight and ends now', () => {
    const { from, to } = lastLocalDays('Europe/Berlin', 30, at('2026-04-10T10:00:00Z'));
    expect([from.toISOString(), to.toISOString()]).toEqual(['2026-03-11T23:00:00.000Z', '2026-04-10T10:00:00.000Z']);
    expect(localDaysBetween('Europe/Berlin', from, to)).toHaveLength(30);
  });

  it('has today alone at its midnight', () => {
    const midnight = at('2026-04-09T22:00:00Z');
    expect(lastLocalDays('Europe/Berlin', 1, midnight)).toEqual({ from: midnight, to: midnight });
  });
});
