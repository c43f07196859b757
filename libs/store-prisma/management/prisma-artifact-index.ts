import { AppError } from '@crewtab/domain/errors';
import type { ArtifactIndex } from '@crewtab/domain/ports/artifact-index';
import type { KeptArtifact } from '@crewtab/domain/runs/artifact';
import { isId, type Database, type Statement } from '../database/database';

const LIST: Statement = {
  name: 'artifacts_list',
  text: `SELECT r.id, a.path, a.bytes, a.digest, a.content_type, a.key
    FROM schedule_runs r LEFT JOIN artifacts a ON a.run_id = r.id
    WHERE r.organization_id = $1 AND r.id = $2 ORDER BY a.path COLLATE "C"`,
};

const EXPIRE: Statement = {
  name: 'artifacts_expire',
  text: `WITH old AS (
      SELECT DISTINCT a.run_id FROM artifacts a WHERE a.kept_at < now() - $1::float8 * interval '1 millisecond' LIMIT $2),
    gone AS (DELETE FROM artifacts a USING old WHERE a.run_id = old.run_id),
    asked AS (INSERT INTO artifact_removals (run_id) SELECT run_id FROM old ON CONFLICT DO NOTHING)
    SELECT count(*)::int AS runs FROM old`,
};

const REMOVALS: Statement = {
  name: 'artifacts_find_removals',
  text: 'SELECT run_id FROM artifact_removals ORDER BY asked_at, run_id LIMIT $1',
};

const FORGET: Statement = { name: 'artifacts_forget_removal', text: 'DELETE FROM artifact_removals WHERE run_id = $1' };

const AGREE: Statement = {
  name: 'artifacts_agree_on_folder',
  text: 'UPDATE installation SET artifact_folder = COALESCE(artifact_folder, $1) RETURNING artifact_folder',
};

interface ArtifactRow {
  readonly path: string | null;
  /** int8, which pg hands over as text. */
  readonly bytes: string;
  readonly digest: string;
  readonly content_type: string;
  readonly key: string;
}

export class PrismaArtifactIndex implements ArtifactIndex {
  constructor(private readonly db: Database) {}

  async listArtifacts(organizationId: string, runId: string): Promise<readonly KeptArtifact[] | null> {
    if (!isId(runId)) return null;
    const rows = await this.db.query<ArtifactRow>(LIST, [organizationId, runId]);
    if (rows.length === 0) return null;
    return rows.flatMap(({ path, bytes, digest, content_type: contentType, key }) =>
      path === null ? [] : { path, bytes: Number(bytes), digest, contentType, key },
    );
  }

  async expireArtifacts(minAgeMs: number, limit: number): Promise<number> {
    const [row] = await this.db.query<{ runs: number }>(EXPIRE, [minAgeMs, limit]);
    return row?.runs ?? 0;
  }

  async findRemovals(limit: number): Promise<readonly string[]> {
    return (await this.db.query<{ run_id: string }>(REMOVALS, [limit])).map(({ run_id: runId }) => runId);
  }

  async forgetRemoval(runId: string): Promise<void> {
    await this.db.query(FORGET, [runId]);
  }

  async agreeOnFolder(name: string): Promise<string> {
    const [row] = await this.db.query<{ artifact_folder: string }>(AGREE, [name]);
    if (!row) throw new AppError('internal', 'the database has no installation yet');
    return row.artifact_folder;
  }
}
