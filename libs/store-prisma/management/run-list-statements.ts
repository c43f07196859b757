import { RUN_PAGE } from '@crewtab/domain/runs/run';
import type { Statement } from '../database/database';
import { LISTED_COLUMNS, selectRun } from '../runs/run-row';

/** What pages are sorted by: when runs were due, how long they took, what they cost. */
export type SortColumn = 'scheduled_for' | 'took_ms' | 'cost';

export interface ListOrder {
  readonly column: SortColumn;
  readonly isAscending: boolean;
}

/** Indexes by instants; those by values are of the organization alone. */
export type ListScope = 'organization' | 'schedule' | 'team' | 'code';

/** A range of an index: where runs are looked for. */
export interface ListRange {
  readonly scope: ListScope;
  readonly column: SortColumn;
}

/** So many runs of a range are read whole, and sorted here, where another index is sorted as the page is. */
export const FEW_RUNS = 5_000;

/** Of a run's JSON in a list: what people and agents write, and more than all else takes. */
const SHOWN_BYTES = `2048 + (SELECT COALESCE(sum(octet_length(to_json(text)::text)), 0)
    FROM unnest(ARRAY[whole.prompt, whole.result, whole.error_message, whole.teardown_error_message,
      whole.verification::text]) AS text)`;

/**
 * One index whose ranges, of a status each, are sorted as a page is. What else a filter asks for is looked up in the rows of
 * the range: `condition` has the part that narrows most.
 */
interface ListIndex {
  readonly from: string;
  /** Of the run `r`; $8 is what the index is asked for. */
  readonly condition: string;
  readonly hasTrigger: boolean;
}

const INDEXES: Readonly<Record<ListScope, ListIndex>> = {
  organization: {
    from: '(SELECT $1::uuid AS id) AS organization',
    condition: 'r.organization_id = organization.id AND $8::text IS NULL',
    hasTrigger: true,
  },
  schedule: {
    from: '(SELECT s.id FROM schedules s WHERE s.organization_id = $1 AND s.id = $8::uuid) AS schedule',
    condition: 'r.schedule_id = schedule.id',
    hasTrigger: true,
  },
  // A team may be deleted; its runs stay.
  team: {
    from: '(SELECT $1::uuid AS organization_id, $8::uuid AS id) AS team',
    condition: 'r.organization_id = team.organization_id AND r.team_id = team.id',
    hasTrigger: true,
  },
  code: {
    from: '(SELECT $1::uuid AS id) AS organization',
    condition: 'r.organization_id = organization.id AND r.error_code = $8',
    hasTrigger: false,
  },
};

const TYPES = { scheduled_for: 'timestamptz', took_ms: 'bigint', cost: 'float8' } as const;

const STATUS_RANGES = 'unnest(COALESCE($2::run_status[], enum_range(NULL::run_status))) AS wanted(status)';
const TRIGGER_RANGES = 'unnest(COALESCE($3::run_trigger[], enum_range(NULL::run_trigger))) AS fired(trigger)';

const rangesOf = ({ from, hasTrigger }: ListIndex): string =>
  [from, STATUS_RANGES, ...(hasTrigger ? [TRIGGER_RANGES] : [])].join(' CROSS JOIN ');

/** Behind ($near, $nearId) in the order of the page. A single comparison, since Postgres would begin at the looser one of two. */
const behind = ({ column, isAscending }: ListOrder, near: string, nearId: string): string =>
  `(r.${column}, r.id) ${isAscending ? '>' : '<'} (${near}::${TYPES[column]}, ${nearId}::uuid)`;

/** Up to $4; of instants the last is exclusive. */
const within = ({ column, isAscending }: ListOrder): string => {
  const farther = isAscending ? (column === 'scheduled_for' ? '<' : '<=') : '>=';
  return `r.${column} ${farther} $4::${TYPES[column]}`;
};

/** What an index is not asked for. */
const MATCHES = `($9::uuid IS NULL OR r.schedule_id = $9) AND ($10::uuid IS NULL OR r.team_id = $10)
          AND ($11::text IS NULL OR r.error_code = $11)
          AND ($12::timestamptz IS NULL OR r.scheduled_for >= $12) AND ($13::timestamptz IS NULL OR r.scheduled_for < $13)
          AND ($14::bigint IS NULL OR r.took_ms >= $14) AND ($15::bigint IS NULL OR r.took_ms <= $15)
          AND ($16::float8 IS NULL OR r.cost >= $16) AND ($17::float8 IS NULL OR r.cost <= $17)`;

/** The runs of one range of an index between $4 and ($5, $6). */
const inRange = (scope: ListScope, order: ListOrder): string => {
  const { condition, hasTrigger } = INDEXES[scope];
  return `schedule_runs r
        WHERE ${condition} AND r.status = wanted.status
          AND ${hasTrigger ? 'r.trigger = fired.trigger' : '($3::run_trigger[] IS NULL OR r.trigger = ANY ($3))'}
          AND ${within(order)} AND ${behind(order, '$5', '$6')}${order.column === 'scheduled_for' ? '' : ` AND r.${order.column} IS NOT NULL`}`;
};

/** Whole runs of the CTE `page`, as far as they fit into an answer. */
const shown = ({ column, isAscending }: ListOrder): string => {
  const direction = isAscending ? 'ASC' : 'DESC';
  return `SELECT * FROM (
      SELECT whole.*, sum(${SHOWN_BYTES}) OVER sorted AS shown, row_number() OVER sorted AS place, count(*) OVER () AS found
      FROM (${selectRun({ run: 'schedule_runs' }, `${LISTED_COLUMNS}, r.took_ms::float8 AS took_ms, r.cost`)}
        WHERE r.id = ANY (ARRAY(SELECT id FROM page))) AS whole
      WINDOW sorted AS (ORDER BY whole.${column} ${direction}, whole.id ${direction})) AS sized
    WHERE place = 1 OR shown <= ${RUN_PAGE.shownBytes} ORDER BY place`;
};

const nameOf = ({ column, isAscending }: ListOrder): string => `${column}_${isAscending ? 'up' : 'down'}`;

/**
 * One page of runs. The runs of each wanted status and trigger are a range of one index, sorted as the page is, so the first
 * rows of every range contain the page: its cost depends neither on what status and trigger match nor on how deep the page lies.
 */
const walk = (scope: ListScope, order: ListOrder): Statement => {
  const direction = order.isAscending ? 'ASC' : 'DESC';
  return {
    name: `archive_walk_${scope}_${nameOf(order)}`,
    text: `WITH page AS MATERIALIZED (
      SELECT listed.id FROM ${rangesOf(INDEXES[scope])}
      CROSS JOIN LATERAL (
        SELECT r.${order.column} AS value, r.id FROM ${inRange(scope, order)} AND ${MATCHES}
        ORDER BY r.${order.column} ${direction}, r.id ${direction} LIMIT $7) AS listed
      ORDER BY listed.value ${direction}, listed.id ${direction} LIMIT $7)
    ${shown(order)}`,
  };
};

const FOUND = 'r.id, r.status, r.scheduled_for, r.schedule_id, r.team_id, r.error_code, r.took_ms, r.cost';
const downBy = (column: SortColumn): ListOrder => ({ column, isAscending: false });

/** All runs of a range that `probe` calls few. */
const fewOf = ({ scope, column }: ListRange): string =>
  `few AS MATERIALIZED (
      SELECT r.* FROM ${rangesOf(INDEXES[scope])}
      CROSS JOIN LATERAL (SELECT ${FOUND} FROM ${inRange(scope, downBy(column))} LIMIT ${FEW_RUNS}) AS r LIMIT ${FEW_RUNS})`;

/** A page of the runs of a range that is sorted otherwise, behind ($18, $19). */
const gather = (range: ListRange, order: ListOrder): Statement => {
  const direction = order.isAscending ? 'ASC' : 'DESC';
  return {
    // Postgres knows the first 63 characters.
    name: `archive_gather_${range.scope}_${range.column}_by_${nameOf(order)}`,
    text: `WITH ${fewOf(range)},
    page AS MATERIALIZED (
      SELECT r.id FROM few r WHERE ${MATCHES} AND ${behind(order, '$18', '$19')}
      ORDER BY r.${order.column} ${direction}, r.id ${direction} LIMIT $7)
    ${shown(order)}`,
  };
};

/** Whether a range has at most `FEW_RUNS`. Parameters: $1 to $6 and $8. */
const probe = ({ scope, column }: ListRange): Statement => ({
  name: `archive_probe_${scope}_${column}`,
  text: `SELECT count(*)::int AS runs FROM (
      SELECT 1 FROM ${rangesOf(INDEXES[scope])}
      CROSS JOIN LATERAL (SELECT 1 FROM ${inRange(scope, downBy(column))} LIMIT $7) AS r LIMIT $7) AS listed`,
});

/** How many there are of each status, none of them counted further than $7. */
const count = ({ scope, column }: ListRange): Statement => ({
  name: `archive_count_${scope}_${column}`,
  text: `SELECT wanted.status, least(sum(counted.runs), $7)::int AS runs FROM ${rangesOf(INDEXES[scope])}
    CROSS JOIN LATERAL (
      SELECT count(*) AS runs FROM (SELECT 1 FROM ${inRange(scope, downBy(column))} AND ${MATCHES} LIMIT $7) AS few) AS counted
    GROUP BY wanted.status HAVING sum(counted.runs) > 0`,
});

/** The same of a range that `probe` calls few. */
const countFew = (range: ListRange): Statement => ({
  name: `archive_count_few_${range.scope}_${range.column}`,
  text: `WITH ${fewOf(range)}
    SELECT r.status, least(count(*), $7)::int AS runs FROM few r WHERE ${MATCHES} GROUP BY r.status`,
});

/** Jumps from code to code: what it costs depends on their number, not on that of the runs. */
export const CODES: Statement = {
  name: 'archive_codes_of_runs',
  text: `WITH RECURSIVE found AS (
      (SELECT r.error_code AS code FROM schedule_runs r WHERE r.organization_id = $1 AND r.error_code IS NOT NULL
        ORDER BY r.error_code LIMIT 1)
      UNION ALL
      SELECT (SELECT r.error_code FROM schedule_runs r WHERE r.organization_id = $1 AND r.error_code > found.code
        ORDER BY r.error_code LIMIT 1) FROM found WHERE found.code IS NOT NULL)
    SELECT code FROM found WHERE code IS NOT NULL`,
};

/** Made at their first use: few of the many are ever asked for. */
function remembered<Args extends readonly unknown[]>(make: (...args: Args) => Statement): (...args: Args) => Statement {
  const made = new Map<string, Statement>();
  return (...args) => {
    const key = JSON.stringify(args);
    const statement = made.get(key) ?? make(...args);
    made.set(key, statement);
    return statement;
  };
}

export const walkStatement = remembered(walk);
export const gatherStatement = remembered(gather);
export const probeStatement = remembered(probe);
export const countStatement = remembered(count);
export const countFewStatement = remembered(countFew);
