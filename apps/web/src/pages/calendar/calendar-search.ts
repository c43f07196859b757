export const SPANS = ['24h', '7d', '30d'] as const;
export type CalendarSpan = (typeof SPANS)[number];
export const VIEWS = ['lanes', 'agenda', 'hours'] as const;
export type CalendarView = (typeof VIEWS)[number];

/** What the calendar shows; each field stands in the address. */
export interface CalendarSearch {
  readonly span?: CalendarSpan;
  readonly view?: CalendarView;
  readonly q?: string;
  /** How many half windows from now. */
  readonly shift?: number;
}

const MAX_SHIFT = 1_000;

export function readCalendar(search: Readonly<Record<string, unknown>>): CalendarSearch {
  const span = SPANS.find((one) => one === search['span']);
  const view = VIEWS.find((one) => one === search['view']);
  const { q, shift } = search;
  const isShift = typeof shift === 'number' && Number.isInteger(shift) && shift !== 0 && Math.abs(shift) <= MAX_SHIFT;
  return {
    ...(span && { span }),
    ...(view && { view }),
    ...(typeof q === 'string' && q !== '' && { q }),
    ...(isShift && { shift }),
  };
}
