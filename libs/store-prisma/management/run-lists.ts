import type { PageRequest, RunArchive, RunCounts, RunFilter } from '@crewtab/domain/ports/management-store';
import { RUN_COUNT_LIMIT, RUN_PAGE, type RunStatus } from '@crewtab/domain/runs/run';
import { isId, LOWEST_ID, type Database, type Statement } from '../database/database';
import { LISTED_COLUMNS, selectRun, toShownRun, type ShownRow } from '../runs/run-row';
import { decodeCursor, encodeCursor, type Position } from './keyset';

/** Of a run's JSON in a list: what people and agents write, and more than all else takes. */
const SHOWN_BYTES = `2048 + (SELECT COALESCE(sum(octet_length(to_json(text)::text)), 0)
    FROM unnest(ARRAY[whole.prompt, whole.result, whole.error_message, whole.teardown_error_message,
      whole.verification::text]) AS text)`;

interface ListedRow extends ShownRow {
  readonly is_result_truncated: boolean | null;
  /** int8, which pg hands over as text: how many were found, of which the page has those that fit. */
  readonly found: string;
}

/**
 * One index whose ranges, of a status each, are sorted as a page is. What else a filter asks for is looked up in the rows of
 * the range: `condition` has the part that narrows most.
 */
interface ListIndex {
  readonly name: string;
  readonly from: string;
  /** Of the run `r`; $8 is what the index is asked for. */
  readonly condition: string;
  readonly hasTrigger: boolean;
}

const BY_ORGANIZATION: ListIndex = {
  name: 'organization',
  from: '(SELECT $1::uuid AS id) AS organization',
  condition: 'r.organization_id = organization.id AND $8::text IS NULL',
  hasTrigger: true,
};
const BY_SCHEDULE: ListIndex = {
  name: 'schedule',
  from: '(SELECT s.id FROM schedules s WHERE s.organization_id = $1 AND s.id = $8::uuid) AS schedule',
  condition: 'r.schedule_id = schedule.id',
  hasTrigger: true,
};
/** A team may be deleted; its runs stay. */
const BY_TEAM: ListIndex = {
  name: 'team',
  from: '(SELECT $1::uuid AS organization_id, $8::uuid AS id) AS team',
  condition: 'r.organization_id = team.organization_id AND r.team_id = team.id',
  hasTrigger: true,
};
const BY_CODE: ListIndex = {
  name: 'code',
  from: '(SELECT $1::uuid AS id) AS organization',
  condition: 'r.organization_id = organization.id AND r.error_code = $8',
  hasTrigger: false,
};

const STATUS_RANGES = 'unnest(COALESCE($2::run_status[], enum_range(NULL::run_status))) AS wanted(status)';
const TRIGGER_RANGES = 'unnest(COALESCE($3::run_trigger[], enum_range(NULL::run_trigger))) AS fired(trigger)';

/** The runs of one range between the instants $4, inclusive, and ($5, $6), exclusive, that are of schedule $9 and team $10. */
const inRange = ({ condition, hasTrigger }: ListIndex): string => `schedule_runs r
        WHERE ${condition} AND r.status = wanted.status
          AND ${hasTrigger ? 'r.trigger = fired.trigger' : '($3::run_trigger[] IS NULL OR r.trigger = ANY ($3))'}
          AND r.scheduled_for >= $4::timestamptz AND (r.scheduled_for, r.id) < ($5::timestamptz, $6::uuid)
          AND ($9::uuid IS NULL OR r.schedule_id = $9) AND ($10::uuid IS NULL OR r.team_id = $10)`;

const rangesOf = (index: ListIndex): string =>
  [index.from, STATUS_RANGES, ...(index.hasTrigger ? [TRIGGER_RANGES] : [])].join(' CROSS JOIN ');

/**
 * One page of runs, newest first. The runs of each wanted status and trigger are a range of one index, sorted as the page is,
 * so the first rows of every range contain the page: its cost depends neither on what the filters match nor on how deep
 * the page lies. The upper bound is a single comparison, since Postgres would begin at the looser one of two.
 */
const listRuns = (index: ListIndex): Statement => ({
  name: `archive_list_runs_by_${index.name}`,
  text: `WITH page AS MATERIALIZED (
      SELECT listed.id FROM ${rangesOf(index)}
      CROSS JOIN LATERAL (
        SELECT r.id, r.scheduled_for FROM ${inRange(index)}
        ORDER BY r.scheduled_for DESC, r.id DESC LIMIT $7) AS listed
      ORDER BY listed.scheduled_for DESC, listed.id DESC LIMIT $7)
    SELECT * FROM (
      SELECT whole.*, sum(${SHOWN_BYTES}) OVER newest AS shown, row_number() OVER newest AS place, count(*) OVER () AS found
      FROM (${selectRun({ run: 'schedule_runs' }, LISTED_COLUMNS)} WHERE r.id = ANY (ARRAY(SELECT id FROM page))) AS whole
      WINDOW newest AS (ORDER BY whole.scheduled_for DESC, whole.id DESC)) AS sized
    WHERE place = 1 OR shown <= ${RUN_PAGE.shownBytes} ORDER BY place`,
});

/** How many there are of each status, none of them counted further than $7. */
const countRuns = (index: ListIndex): Statement => ({
  name: `archive_count_runs_by_${index.name}`,
  text: `SELECT wanted.status, least(sum(counted.runs), $7)::int AS runs FROM ${rangesOf(index)}
    CROSS JOIN LATERAL (SELECT count(*) AS runs FROM (SELECT 1 FROM ${inRange(index)} LIMIT $7) AS few) AS counted
    GROUP BY wanted.status HAVING sum(counted.runs) > 0`,
});

/** Jumps from code to code: what it costs depends on their number, not on that of the runs. */
const CODES: Statement = {
  name: 'archive_codes_of_runs',
  text: `WITH RECURSIVE found AS (
      (SELECT r.error_code AS code FROM schedule_runs r WHERE r.organization_id = $1 AND r.error_code IS NOT NULL
        ORDER BY r.error_code LIMIT 1)
      UNION ALL
      SELECT (SELECT r.error_code FROM schedule_runs r WHERE r.organization_id = $1 AND r.error_code > found.code
        ORDER BY r.error_code LIMIT 1) FROM found WHERE found.code IS NOT NULL)
    SELECT code FROM found WHERE code IS NOT NULL`,
};

const of = (make: (index: ListIndex) => Statement) => ({
  organization: make(BY_ORGANIZATION),
  schedule: make(BY_SCHEDULE),
  team: make(BY_TEAM),
  code: make(BY_CODE),
});
const LISTS = of(listRuns);
const COUNTS = of(countRuns);

/** Lists and counts of runs, whatever they are filtered by, in a history of millions. */
export function runLists(db: Database): Pick<RunArchive, 'listRuns' | 'countRuns'> {
  return {
    async listRuns(organizationId, filter, { limit, cursor }: PageRequest) {
      const end = endOf(decodeCursor(cursor, 'instant'), filter.until);
      if (!hasIds(filter)) return { items: [], nextCursor: null };
      const { index, value } = indexFor(filter);
      const rows = await db.query<ListedRow>(LISTS[index], [
        ...rangeValues(organizationId, filter, filter.status, end),
        limit + 1,
        ...[value, filter.scheduleId ?? null, filter.teamId ?? null],
      ]);
      const shown = rows.slice(0, limit);
      const last = shown.at(-1);
      const hasMore = last !== undefined && Number(last.found) > shown.length;
      const items = shown.map((row) => ({
        ...toShownRun(row),
        ...(row.is_result_truncated === true && { isResultTruncated: true }),
      }));
      return { items, nextCursor: hasMore ? encodeCursor({ id: last.id, at: last.scheduled_for }) : null };
    },

    async countRuns(organizationId, filter): Promise<RunCounts> {
      if (!hasIds(filter)) return { byStatus: {}, codes: [] };
      const { index, value } = indexFor(filter);
      const counts = await db.query<{ status: RunStatus; runs: number }>(COUNTS[index], [
        ...rangeValues(organizationId, filter, undefined, endOf(null, filter.until)),
        RUN_COUNT_LIMIT,
        ...[value, filter.scheduleId ?? null, filter.teamId ?? null],
      ]);
      const codes = await db.query<{ code: string }>(CODES, [organizationId]);
      return {
        byStatus: Object.fromEntries(counts.map(({ status, runs }) => [status, runs])),
        codes: codes.map(({ code }) => code),
      };
    },
  };
}

/** The index that leaves least to look up: few runs end with a code, and a schedule has fewer runs than its team. */
function indexFor({ code, scheduleId, teamId }: RunFilter): { index: keyof typeof LISTS; value: string | null } {
  if (code !== undefined) return { index: 'code', value: code };
  if (scheduleId !== undefined) return { index: 'schedule', value: scheduleId };
  if (teamId !== undefined) return { index: 'team', value: teamId };
  return { index: 'organization', value: null };
}

function hasIds({ scheduleId, teamId }: RunFilter): boolean {
  return [scheduleId, teamId].every((id) => id === undefined || isId(id));
}

/** The parameters $1 to $6. */
function rangeValues(
  organizationId: string,
  { trigger, since }: RunFilter,
  status: RunStatus | undefined,
  end: RangeEnd,
): readonly unknown[] {
  return [
    organizationId,
    status === undefined ? null : [status],
    trigger === undefined ? null : [trigger],
    since ?? '-infinity',
    end.at,
    end.id,
  ];
}

interface RangeEnd {
  readonly at: Date | 'infinity';
  readonly id: string;
}

/** The page lies before this position, exclusive: where the last page ended, or `until` if that is earlier. */
function endOf(cursor: Position | null, until?: Date): RangeEnd {
  if (cursor?.at && (!until || cursor.at < until)) return { at: cursor.at, id: cursor.id };
  return { at: until ?? 'infinity', id: LOWEST_ID };
}
