import { WITHIN_MS, type RunFilter, type RunSort, type Within } from '../../api/queries';
import { STATUSES, TRIGGERS } from '../../status/status-words';

export const SORT_WORDS: Readonly<Record<RunSort, string>> = {
  newest: 'newest first',
  oldest: 'oldest first',
  longest: 'longest first',
  shortest: 'shortest first',
  costliest: 'costliest first',
  cheapest: 'cheapest first',
};
export const SORTS = Object.keys(SORT_WORDS) as RunSort[];

/** The value that a row of a list has beside its due instant where there is no room for columns. */
export const SORTED_BY: Readonly<Partial<Record<RunSort, 'duration' | 'cost'>>> = {
  ...{ longest: 'duration', shortest: 'duration', costliest: 'cost', cheapest: 'cost' },
};

/** Of a list that is sorted by what only some runs have: what it leaves out. */
export const SORTED_WITHOUT: Readonly<Partial<Record<RunSort, string>>> = {
  longest: 'Runs that have not begun or are not over have no duration, and are left out.',
  shortest: 'Runs that have not begun or are not over have no duration, and are left out.',
  costliest: 'Runs that are not over, or whose cost is unknown, are left out.',
  cheapest: 'Runs that are not over, or whose cost is unknown, are left out.',
};

/** What an address says that this page does not know is left out. */
export function readRunFilter(search: Readonly<Record<string, unknown>>): RunFilter {
  const status = STATUSES.find((one) => one === search['status']);
  const trigger = TRIGGERS.find((one) => one === search['trigger']);
  const within = (Object.keys(WITHIN_MS) as Within[]).find((one) => one === search['within']);
  const sort = SORTS.find((one) => one === search['sort'] && one !== 'newest');
  const { schedule, team, code } = search;
  const from = instantIn(search['from']);
  const to = instantIn(search['to']);
  return {
    ...(status && { status }),
    ...(trigger && { trigger }),
    // A range of one's own takes the place of the last hours.
    ...(within && from === null && to === null && { within }),
    ...(from !== null && { from }),
    ...(to !== null && { to }),
    ...(typeof schedule === 'string' && { schedule }),
    ...(typeof team === 'string' && { team }),
    ...(typeof code === 'string' && { code }),
    ...wordIn(search, 'minDuration'),
    ...wordIn(search, 'maxDuration'),
    ...wordIn(search, 'minCost'),
    ...wordIn(search, 'maxCost'),
    ...(sort && { sort }),
  };
}

/** The router reads `1` in an address as a number. */
function wordIn<Name extends string>(
  search: Readonly<Record<string, unknown>>,
  name: Name,
): { [Field in Name]?: string } {
  const value = search[name];
  if (typeof value !== 'string' && typeof value !== 'number') return {};
  return { [name]: String(value) } as { [Field in Name]?: string };
}

function instantIn(value: unknown): string | null {
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value)) return null;
  return Number.isNaN(Date.parse(value)) ? null : value;
}

/** As a field for a date and a time of the viewer's zone has it: `2026-11-29T02:30`. */
export function toLocalField(instant: string): string {
  const at = new Date(instant);
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${String(at.getFullYear()).padStart(4, '0')}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** The instant that such a field means; undefined while it is not whole. */
export function fromLocalField(text: string): string | undefined {
  const at = new Date(/^\d{4,6}-\d\d-\d\dT\d\d:\d\d/.test(text) ? text : Number.NaN);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}
