import { SCHEDULE_SORTS, type ScheduleFilter } from '../../api/queries';

/** What an address says that these pages do not know is left out. */
export function readScheduleFilter(search: Readonly<Record<string, unknown>>): ScheduleFilter {
  const sort = SCHEDULE_SORTS.find((one) => one === search['sort']);
  const { q } = search;
  return { ...(typeof q === 'string' && q !== '' && { q }), ...(sort && { sort }) };
}

export const SCHEDULE_TABS = ['ledger', 'results', 'runs', 'prompt', 'settings', 'revisions'] as const;
export type ScheduleTab = (typeof SCHEDULE_TABS)[number];

export function readScheduleTab(search: Readonly<Record<string, unknown>>): { readonly tab?: ScheduleTab } {
  const tab = SCHEDULE_TABS.find((one) => one === search['tab']);
  return tab ? { tab } : {};
}

/** The schedule that a new one begins as a copy of. */
export function readLike(search: Readonly<Record<string, unknown>>): { readonly from?: string } {
  const { from } = search;
  return typeof from === 'string' ? { from } : {};
}
