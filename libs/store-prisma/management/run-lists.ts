import type { PageRequest, RunArchive, RunCounts, RunFilter, RunSort } from '@crewtab/domain/ports/management-store';
import { RUN_COUNT_LIMIT, type RunStatus } from '@crewtab/domain/runs/run';
import { HIGHEST_ID, isId, LOWEST_ID, type Database } from '../database/database';
import { toShownRun, type ShownRow } from '../runs/run-row';
import { decodeCursor, decodeRank, encodeCursor, encodeRank } from './keyset';
import {
  CODES,
  countFewStatement,
  countStatement,
  FEW_RUNS,
  gatherStatement,
  probeStatement,
  walkStatement,
  type ListOrder,
  type ListRange,
  type ListScope,
  type SortColumn,
} from './run-list-statements';

interface ListedRow extends ShownRow {
  readonly is_result_truncated: boolean | null;
  readonly took_ms: number | null;
  readonly cost: number | null;
  /** int8, which pg hands over as text: how many were found, of which the page has those that fit. */
  readonly found: string;
}

const ORDERS: Readonly<Record<RunSort, ListOrder>> = {
  newest: { column: 'scheduled_for', isAscending: false },
  oldest: { column: 'scheduled_for', isAscending: true },
  longest: { column: 'took_ms', isAscending: false },
  shortest: { column: 'took_ms', isAscending: true },
  costliest: { column: 'cost', isAscending: false },
  cheapest: { column: 'cost', isAscending: true },
};

/** Where a page begins or ends: a value of the column it is sorted by, and an id. */
interface Edge {
  readonly value: Value;
  readonly id: string;
}
type Value = Date | number | 'infinity' | '-infinity';

/**
 * Lists and counts of runs, whatever they are filtered and sorted by, in a history of millions.
 *
 * @param maxFew runs of a range that is read whole, at most `FEW_RUNS`
 */
export function runLists(db: Database, maxFew = FEW_RUNS): Pick<RunArchive, 'listRuns' | 'countRuns'> {
  /**
   * A range of an index that is sorted otherwise than the page, and has few runs: those are read, and sorted here. Without
   * one most runs of the index that is sorted as the page is match the filter, or enough of them.
   */
  async function findFew(organizationId: string, filter: RunFilter, column: SortColumn): Promise<ListRange | null> {
    for (const range of rangesOf(filter).filter((each) => each.column !== column)) {
      const values = rangeValues(organizationId, filter, range, maxFew + 1);
      const [row] = await db.query<{ runs: number }>(probeStatement(range), values);
      if ((row?.runs ?? 0) <= maxFew) return range;
    }
    return null;
  }

  return {
    async listRuns(organizationId, filter, { limit, cursor, sort = 'newest' }: PageRequest & { sort?: RunSort }) {
      const order = ORDERS[sort];
      const edge = edgeOf(cursor, order);
      if (!hasIds(filter)) return { items: [], nextCursor: null };
      const few = await findFew(organizationId, filter, order.column);
      const rows = few
        ? await db.query<ListedRow>(gatherStatement(few, order), [
            ...rangeValues(organizationId, filter, few, limit + 1),
            ...matchValues(filter, null),
            ...edgeValues(edge ?? nearEdge({}, order)),
          ])
        : await walk(organizationId, filter, order, edge, limit + 1);
      const shown = rows.slice(0, limit);
      const last = shown.at(-1);
      const hasMore = last !== undefined && Number(last.found) > shown.length;
      const items = shown.map((row) => ({
        ...toShownRun(row),
        ...(row.is_result_truncated === true && { isResultTruncated: true }),
      }));
      return { items, nextCursor: hasMore ? cursorOf(last, order) : null };
    },

    async countRuns(organizationId, filter): Promise<RunCounts> {
      if (!hasIds(filter)) return { byStatus: {}, codes: [] };
      const { status: _, ...all } = filter;
      const few = await findFew(organizationId, all, 'scheduled_for');
      const range = few ?? rangesOf(all)[0] ?? { scope: 'organization', column: 'scheduled_for' };
      const statement = few ? countFewStatement(few) : countStatement(range);
      const counts = await db.query<{ status: RunStatus; runs: number }>(statement, [
        ...rangeValues(organizationId, all, range, RUN_COUNT_LIMIT),
        ...matchValues(all, few ? null : range.column),
      ]);
      const codes = await db.query<{ code: string }>(CODES, [organizationId]);
      return {
        byStatus: Object.fromEntries(counts.map((each) => [each.status, each.runs])),
        codes: codes.map(({ code }) => code),
      };
    },
  };

  function walk(organizationId: string, filter: RunFilter, order: ListOrder, edge: Edge | null, limit: number) {
    const scope = order.column === 'scheduled_for' ? scopeOf(filter) : 'organization';
    const near = nearerOf(edge, nearEdge(filter, order), order);
    return db.query<ListedRow>(walkStatement(scope, order), [
      ...rangeHead(organizationId, filter),
      ...[farValue(filter, order), near.value, near.id, limit, askedFor(filter, scope)],
      ...matchValues(filter, order.column),
    ]);
  }
}

/** The index by instants that leaves least to look up: few runs end with a code, and a schedule has fewer runs than its team. */
function scopeOf({ code, scheduleId, teamId }: RunFilter): ListScope {
  if (code !== undefined) return 'code';
  if (scheduleId !== undefined) return 'schedule';
  return teamId === undefined ? 'organization' : 'team';
}

/** What $8 is: the value that the scope's index is asked for. */
function askedFor({ code, scheduleId, teamId }: RunFilter, scope: ListScope): string | null {
  const values = { organization: null, schedule: scheduleId, team: teamId, code } as const;
  return values[scope] ?? null;
}

/** The ranges that a filter narrows, by instants first. */
function rangesOf(filter: RunFilter): ListRange[] {
  const scope = scopeOf(filter);
  const isOfTime = scope !== 'organization' || filter.since !== undefined || filter.until !== undefined;
  const isOfSpan = filter.minTookMs !== undefined || filter.maxTookMs !== undefined;
  const isOfCost = filter.minCost !== undefined || filter.maxCost !== undefined;
  return [
    ...(isOfTime ? [{ scope, column: 'scheduled_for' } as const] : []),
    ...(isOfSpan ? [{ scope: 'organization', column: 'took_ms' } as const] : []),
    ...(isOfCost ? [{ scope: 'organization', column: 'cost' } as const] : []),
  ];
}

function hasIds({ scheduleId, teamId }: RunFilter): boolean {
  return [scheduleId, teamId].every((id) => id === undefined || isId(id));
}

/** The parameters $1 to $3. */
function rangeHead(organizationId: string, { status, trigger }: RunFilter): readonly unknown[] {
  return [organizationId, status === undefined ? null : [status], trigger === undefined ? null : [trigger]];
}

/** The parameters $1 to $8 of a whole range. */
function rangeValues(organizationId: string, filter: RunFilter, range: ListRange, limit: number): readonly unknown[] {
  const order = { column: range.column, isAscending: false };
  const { value, id } = nearEdge(filter, order);
  const bounds = [farValue(filter, order), value, id, limit, askedFor(filter, range.scope)];
  return [...rangeHead(organizationId, filter), ...bounds];
}

/**
 * The parameters $9 to $17.
 *
 * @param bounded the column whose bounds the range has already
 */
function matchValues(filter: RunFilter, bounded: SortColumn | null): readonly unknown[] {
  const boundsOf = (column: SortColumn, values: readonly unknown[]): readonly unknown[] =>
    column === bounded ? [null, null] : values.map((value) => value ?? null);
  return [
    ...[filter.scheduleId ?? null, filter.teamId ?? null, filter.code ?? null],
    ...boundsOf('scheduled_for', [filter.since, filter.until]),
    ...boundsOf('took_ms', [filter.minTookMs, filter.maxTookMs]),
    ...boundsOf('cost', [filter.minCost, filter.maxCost]),
  ];
}

/** int8 has no infinity. */
const LONGEST_MS = Number.MAX_SAFE_INTEGER;

/** The lowest and the highest value that a filter lets through. */
function boundsOf(filter: RunFilter, column: SortColumn): { readonly lowest: Value; readonly highest: Value } {
  switch (column) {
    case 'scheduled_for':
      return { lowest: filter.since ?? '-infinity', highest: filter.until ?? 'infinity' };
    case 'took_ms':
      return { lowest: filter.minTookMs ?? -LONGEST_MS, highest: filter.maxTookMs ?? LONGEST_MS };
    case 'cost':
      return { lowest: filter.minCost ?? '-infinity', highest: filter.maxCost ?? 'infinity' };
  }
}

/** Where the first page begins: of instants the end is exclusive, of values both ends are inclusive. */
function nearEdge(filter: RunFilter, { column, isAscending }: ListOrder): Edge {
  const { lowest, highest } = boundsOf(filter, column);
  if (isAscending) return { value: lowest, id: LOWEST_ID };
  return { value: highest, id: column === 'scheduled_for' ? LOWEST_ID : HIGHEST_ID };
}

function farValue(filter: RunFilter, { column, isAscending }: ListOrder): Value {
  const { lowest, highest } = boundsOf(filter, column);
  return isAscending ? highest : lowest;
}

/** A cursor may be of a wider filter. */
function nearerOf(edge: Edge | null, first: Edge, { isAscending }: ListOrder): Edge {
  if (edge === null || first.value === 'infinity' || first.value === '-infinity') return edge ?? first;
  const isFirst = isAscending ? Number(first.value) > Number(edge.value) : Number(first.value) < Number(edge.value);
  const isEqual = Number(first.value) === Number(edge.value);
  return isFirst || (isEqual && first.id === LOWEST_ID && !isAscending) ? first : edge;
}

function edgeOf(cursor: string | null, { column }: ListOrder): Edge | null {
  if (column !== 'scheduled_for') return decodeRank(cursor, column);
  const position = decodeCursor(cursor, 'instant');
  return position?.at ? { value: position.at, id: position.id } : null;
}

function edgeValues({ value, id }: Edge): readonly unknown[] {
  return [value, id];
}

function cursorOf(row: ListedRow, { column }: ListOrder): string {
  if (column === 'scheduled_for') return encodeCursor({ id: row.id, at: row.scheduled_for });
  return encodeRank(column, { id: row.id, value: row[column] ?? 0 });
}
