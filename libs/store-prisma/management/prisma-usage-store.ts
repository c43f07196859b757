import type {
  UsageGroup,
  UsageGrouping,
  UsageReport,
  UsageRequest,
  UsageStore,
} from '@crewtab/domain/ports/usage-store';
import { addUpByDay, addUpCells, type UsageCell } from '@crewtab/domain/runs/usage-sums';
import type { Database, Statement } from '../database/database';

/** Of rows `u` of `agent_usages`, whose currency they are grouped by. */
export const USAGE_SUMS = `count(*) FILTER (WHERE u.is_leader)::float8 AS runs, count(*)::float8 AS parts,
          sum(u.input_tokens)::float8 AS input_tokens, sum(u.output_tokens)::float8 AS output_tokens, sum(u.cost) AS cost,
          count(*) FILTER (WHERE u.is_leader AND NOT u.run_knows_tokens)::float8 AS unknown_tokens,
          count(*) FILTER (WHERE u.is_leader AND NOT u.run_knows_cost)::float8 AS unknown_cost,
          count(*) FILTER (WHERE u.is_leader AND u.run_knows_tokens AND u.run_lacks_tokens)::float8 AS incomplete_tokens,
          count(*) FILTER (WHERE u.is_leader AND u.run_knows_cost AND u.run_lacks_cost)::float8 AS incomplete_cost,
          count(*) FILTER (WHERE u.input_tokens IS NULL)::float8 AS part_unknown_tokens,
          count(*) FILTER (WHERE u.cost IS NULL)::float8 AS part_unknown_cost,
          count(*) FILTER (WHERE u.input_tokens IS NOT NULL AND u.lacks_tokens)::float8 AS part_incomplete_tokens,
          count(*) FILTER (WHERE u.cost IS NOT NULL AND u.lacks_cost)::float8 AS part_incomplete_cost`;
const SUMS = [
  ...['runs', 'parts', 'input_tokens', 'output_tokens', 'cost'],
  ...['unknown_tokens', 'unknown_cost', 'incomplete_tokens', 'incomplete_cost'],
  ...['part_unknown_tokens', 'part_unknown_cost', 'part_incomplete_tokens', 'part_incomplete_cost'],
];

const KEYS: Readonly<Record<UsageGrouping, string>> = {
  schedule: 'u.schedule_id AS id, NULL::text AS preset, NULL::text AS model',
  team: 'u.team_id AS id, NULL::text AS preset, NULL::text AS model',
  model: 'NULL::uuid AS id, u.preset, u.model',
};
const NAMES: Readonly<Record<UsageGrouping, string>> = {
  schedule: '(SELECT s.name FROM schedules s WHERE s.organization_id = $1 AND s.id = told.id)',
  team: '(SELECT t.name FROM teams t WHERE t.organization_id = $1 AND t.id = told.id)',
  model: 'COALESCE(told.model, told.preset)',
};

/**
 * A range of the index for each day, whose rows are added up by group and currency. Groups beyond the limit are one: the
 * answer is bounded by days and limit, whatever there is. Parameters: organization, beginnings and ends of the days, limit.
 */
const sumBy = (by: UsageGrouping): Statement => ({
  name: `usage_by_${by}`,
  text: `WITH cells AS MATERIALIZED (
      SELECT (days.ordinality - 1)::int AS day, sums.*
      FROM unnest($2::timestamptz[], $3::timestamptz[]) WITH ORDINALITY AS days(from_at, to_at)
      CROSS JOIN LATERAL (
        SELECT ${KEYS[by]}, u.currency, ${USAGE_SUMS}
        FROM agent_usages u
        WHERE u.organization_id = $1 AND u.scheduled_for >= days.from_at AND u.scheduled_for < days.to_at
        GROUP BY 1, 2, 3, 4) AS sums),
    ranked AS (
      SELECT id, preset, model, row_number() OVER (ORDER BY sum(cost) DESC NULLS LAST, sum(input_tokens) DESC NULLS LAST,
          sum(parts) DESC, id, preset, model) AS place
      FROM cells GROUP BY id, preset, model),
    told AS (
      SELECT c.day, LEAST(r.place, $4 + 1)::int AS place, CASE WHEN r.place <= $4 THEN c.id END AS id,
        CASE WHEN r.place <= $4 THEN c.preset END AS preset, CASE WHEN r.place <= $4 THEN c.model END AS model, c.currency,
        ${SUMS.map((name) => `sum(c.${name}) AS ${name}`).join(', ')}
      FROM cells c JOIN ranked r
        ON r.id IS NOT DISTINCT FROM c.id AND r.preset IS NOT DISTINCT FROM c.preset AND r.model IS NOT DISTINCT FROM c.model
      GROUP BY 1, 2, 3, 4, 5, 6)
    SELECT told.*, ${NAMES[by]} AS name, (SELECT count(*)::int FROM ranked) AS groups FROM told ORDER BY place, day, currency`,
});

const STATEMENTS: Readonly<Record<UsageGrouping, Statement>> = {
  schedule: sumBy('schedule'),
  team: sumBy('team'),
  model: sumBy('model'),
};

export interface SumRow {
  readonly currency: string | null;
  readonly runs: number;
  readonly parts: number;
  readonly input_tokens: number | null;
  readonly output_tokens: number | null;
  readonly cost: number | null;
  readonly unknown_tokens: number;
  readonly unknown_cost: number;
  readonly incomplete_tokens: number;
  readonly incomplete_cost: number;
  readonly part_unknown_tokens: number;
  readonly part_unknown_cost: number;
  readonly part_incomplete_tokens: number;
  readonly part_incomplete_cost: number;
}

interface CellRow extends SumRow {
  readonly day: number;
  readonly place: number;
  readonly id: string | null;
  readonly preset: string | null;
  readonly model: string | null;
  readonly name: string | null;
  readonly groups: number;
}

export class PrismaUsageStore implements UsageStore {
  constructor(private readonly db: Database) {}

  async sumUsage(organizationId: string, { days, by, limit }: UsageRequest): Promise<UsageReport> {
    const bounds = [days.map(({ from }) => from), days.map(({ to }) => to)];
    const rows = await this.db.query<CellRow>(STATEMENTS[by], [organizationId, ...bounds, limit]);
    const of = by === 'model' ? 'parts' : 'runs';
    const all = rows.map((row) => toCell(row));
    const places = [...new Set(rows.map(({ place }) => place))].filter((place) => place <= limit);
    const others = rows.filter(({ place }) => place > limit);
    return {
      total: addUpCells(all, 'runs'),
      days: addUpByDay(all, 'runs'),
      groups: places.flatMap((place) =>
        toGroup(
          rows.filter((row) => row.place === place),
          of,
        ),
      ),
      others: others[0] ? { groups: others[0].groups - limit, total: addUpCells(others.map(toCell), of) } : null,
    };
  }
}

function toGroup(rows: readonly CellRow[], of: 'runs' | 'parts'): UsageGroup[] {
  const [first] = rows;
  if (!first) return [];
  const { id, name, preset, model } = first;
  const cells = rows.map(toCell);
  return [{ id, name, preset, model, total: addUpCells(cells, of), days: addUpByDay(cells, of) }];
}

export function toCell(row: SumRow & { readonly day?: number }): UsageCell {
  const { cost, currency } = row;
  return {
    day: row.day ?? 0,
    runs: row.runs,
    parts: row.parts,
    inputTokens: row.input_tokens,
    outputTokens: row.output_tokens,
    cost: cost === null || currency === null ? null : { amount: cost, currency },
    ofRuns: {
      unknown: { tokens: row.unknown_tokens, cost: row.unknown_cost },
      incomplete: { tokens: row.incomplete_tokens, cost: row.incomplete_cost },
    },
    ofParts: {
      unknown: { tokens: row.part_unknown_tokens, cost: row.part_unknown_cost },
      incomplete: { tokens: row.part_incomplete_tokens, cost: row.part_incomplete_cost },
    },
  };
}
