import type { RunArchive, RunNeighbour, RunNeighbours } from '@crewtab/domain/ports/management-store';
import type { RunStatus } from '@crewtab/domain/runs/run';
import { isId, type Database, type Statement } from '../database/database';

/**
 * The nearest run of one side. Every status and trigger is a range of one index, so that the cost does not depend on how many
 * runs the schedule has.
 *
 * @param side which neighbour
 * @param statuses SQL of the statuses that count
 */
const nearest = (side: keyof RunNeighbours, statuses = 'enum_range(NULL::run_status)'): string => {
  const [compare, order] = side === 'next' ? ['>', 'ASC'] : ['<', 'DESC'];
  return `(SELECT '${side}' AS side, one.* FROM run, unnest(${statuses}) AS wanted(status),
      unnest(enum_range(NULL::run_trigger)) AS fired(trigger),
      LATERAL (SELECT r.id, r.status, r.scheduled_for FROM schedule_runs r
        WHERE r.schedule_id = run.schedule_id AND r.status = wanted.status AND r.trigger = fired.trigger
          AND (r.scheduled_for, r.id) ${compare} (run.scheduled_for, run.id)
        ORDER BY r.scheduled_for ${order}, r.id ${order} LIMIT 1) AS one
    ORDER BY one.scheduled_for ${order}, one.id ${order} LIMIT 1)`;
};

const FIND: Statement = {
  name: 'archive_find_neighbours',
  text: `WITH run AS (SELECT id, schedule_id, scheduled_for FROM schedule_runs WHERE organization_id = $1 AND id = $2)
    SELECT 'run' AS side, run.id, 'queued'::run_status AS status, run.scheduled_for FROM run
    UNION ALL ${nearest('previous')}
    UNION ALL ${nearest('next')}
    UNION ALL ${nearest('lastSuccess', `'{success}'::run_status[]`)}`,
};

interface NeighbourRow {
  readonly side: 'run' | keyof RunNeighbours;
  readonly id: string;
  readonly status: RunStatus;
  readonly scheduled_for: Date;
}

export function runNeighbours(db: Database): Pick<RunArchive, 'findNeighbours'> {
  return {
    async findNeighbours(organizationId, runId): Promise<RunNeighbours | null> {
      if (!isId(runId)) return null;
      const rows = await db.query<NeighbourRow>(FIND, [organizationId, runId]);
      if (rows.length === 0) return null;
      const of = (side: keyof RunNeighbours): RunNeighbour | null => {
        const row = rows.find((one) => one.side === side);
        return row ? { id: row.id, status: row.status, scheduledFor: row.scheduled_for } : null;
      };
      return { previous: of('previous'), next: of('next'), lastSuccess: of('lastSuccess') };
    },
  };
}
