import type { RunStatus } from '../runs/run';

/** Runs that were due in a quarter of an hour: no zone's offset is finer. */
export interface QuarterCount {
  readonly at: Date;
  readonly status: RunStatus;
  readonly count: number;
}

export interface WeekHour {
  /** 1 is Monday, 7 Sunday. */
  readonly weekday: number;
  readonly hour: number;
  readonly counts: Partial<Record<RunStatus, number>>;
}

const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

/** By the hours of a zone's week, in order; without those in which nothing was due. */
export function foldIntoWeek(counts: readonly QuarterCount[], timezone: string): WeekHour[] {
  const format = new Intl.DateTimeFormat('en-US', {
    ...{ timeZone: timezone, weekday: 'short', hour: '2-digit', hourCycle: 'h23' },
  });
  const places = new Map<number, number>();
  const placeOf = (at: Date): number => {
    const known = places.get(at.getTime());
    if (known !== undefined) return known;
    const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, value]));
    const place = WEEKDAYS.indexOf(parts.get('weekday') ?? '') * 24 + Number(parts.get('hour'));
    places.set(at.getTime(), place);
    return place;
  };
  const cells = new Map<number, WeekHour['counts']>();
  for (const { at, status, count } of counts) {
    const place = placeOf(at);
    const cell = cells.get(place) ?? {};
    cell[status] = (cell[status] ?? 0) + count;
    cells.set(place, cell);
  }
  return [...cells]
    .sort(([one], [other]) => one - other)
    .map(([place, cell]) => ({ weekday: Math.floor(place / 24) + 1, hour: place % 24, counts: cell }));
}
