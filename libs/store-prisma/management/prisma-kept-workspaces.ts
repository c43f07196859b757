import type { KeptWorkspace, KeptWorkspaceRecord, KeptWorkspaceStore } from '@crewtab/domain/ports/kept-workspaces';
import { isId, type Database, type Statement } from '../database/database';

const FIND: Statement = {
  name: 'kept_find',
  text: `SELECT k.schedule_id, k.generation, k.host, extract(epoch FROM now() - k.used_at) * 1000 AS idle_ms,
      EXISTS (SELECT 1 FROM schedule_runs r WHERE r.schedule_id = k.schedule_id AND r.workspace_generation IS NOT NULL
        AND r.phase NOT IN ('queued', 'finished')) AS is_in_use
    FROM kept_workspaces k JOIN schedules s ON s.id = k.schedule_id
    WHERE k.schedule_id = ANY ($1::uuid[]) AND s.deleted_at IS NULL`,
};

const RETIRE: Statement = {
  name: 'kept_retire',
  text: `UPDATE kept_workspaces k SET generation = k.generation + 1, host = NULL, emptied = $3
    WHERE k.schedule_id = $1 AND k.generation = $2 AND NOT EXISTS (SELECT 1 FROM schedule_runs r
      WHERE r.schedule_id = k.schedule_id AND r.workspace_generation IS NOT NULL AND r.phase NOT IN ('queued', 'finished'))
    RETURNING k.generation`,
};

const RESET: Statement = {
  name: 'kept_reset',
  text: `INSERT INTO kept_workspaces AS k (schedule_id, organization_id, generation)
    SELECT s.id, s.organization_id, 1 FROM schedules s WHERE s.organization_id = $1 AND s.id = $2 AND s.deleted_at IS NULL
    ON CONFLICT (schedule_id) DO UPDATE SET generation = k.generation + 1, host = NULL, emptied = NULL
    RETURNING k.generation`,
};

/** Which workspaces schedules keep. Each call is one statement that is its own transaction. */
export class PrismaKeptWorkspaces implements KeptWorkspaceStore {
  constructor(private readonly db: Database) {}

  async findKept(scheduleIds: readonly string[]): Promise<Map<string, KeptWorkspaceRecord>> {
    const rows = await this.db.query<KeptRow>(FIND, [scheduleIds.filter(isId)]);
    return new Map(
      rows.map(({ schedule_id: scheduleId, generation, host, idle_ms: idleMs, is_in_use: isInUse }) => [
        scheduleId,
        { scheduleId, generation, host, idleMs: Number(idleMs), isInUse },
      ]),
    );
  }

  async retire({ scheduleId, generation }: KeptWorkspace, words: string): Promise<boolean> {
    return (await this.db.query(RETIRE, [scheduleId, generation, words])).length > 0;
  }
}

/** See `ScheduleStore.resetWorkspace`. */
export async function resetWorkspace(db: Database, organizationId: string, scheduleId: string): Promise<boolean> {
  if (!isId(scheduleId)) return false;
  return (await db.query(RESET, [organizationId, scheduleId])).length > 0;
}

interface KeptRow {
  readonly schedule_id: string;
  readonly generation: number;
  readonly host: string | null;
  readonly idle_ms: string;
  readonly is_in_use: boolean;
}
