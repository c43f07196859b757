import { AppError } from '@crewtab/domain/errors';
import type { Page, PageRequest } from '@crewtab/domain/ports/management-store';
import type { SecretStore } from '@crewtab/domain/ports/secret-store';
import {
  SECRET_NAME,
  SHOWN_USES,
  tellUses,
  WORKSPACE_USE,
  type Secret,
  type SecretUse,
} from '@crewtab/domain/secrets/secret';
import { ViolationError, type Database, type Statement } from '../database/database';
import { secretPlace, type SecretBox } from '../database/secret-box';

/** Of agents and of workspaces. */
const USES = `(SELECT organization_id, secret, team_id, agent, NULLIF(mcp_server, '') AS mcp_server, variable FROM secret_uses
      UNION ALL SELECT organization_id, workspace_secret, id, NULL, NULL, '${WORKSPACE_USE}' FROM teams)`;

const COLUMNS = `s.name, s.created_at, s.updated_at,
      (SELECT count(*)::int FROM ${USES} u WHERE u.organization_id = s.organization_id AND u.secret = s.name) AS use_count,
      (SELECT json_agg(use) FROM (
          SELECT u.team_id AS "teamId", t.name AS "teamName", u.agent, u.mcp_server AS "mcpServer", u.variable
          FROM ${USES} u JOIN teams t ON t.id = u.team_id
          WHERE u.organization_id = s.organization_id AND u.secret = s.name
          ORDER BY t.name, u.team_id, u.agent NULLS FIRST, u.mcp_server NULLS FIRST, u.variable LIMIT ${SHOWN_USES}) use) AS uses`;

const LIST: Statement = {
  name: 'secret_list',
  text: `SELECT ${COLUMNS} FROM secrets s
    WHERE s.organization_id = $1 AND ($2::text IS NULL OR s.name COLLATE "C" > $2) ORDER BY s.name COLLATE "C" LIMIT $3`,
};

const GET: Statement = {
  name: 'secret_get',
  text: `SELECT ${COLUMNS} FROM secrets s WHERE s.organization_id = $1 AND s.name = $2`,
};

const MAKE: Statement = {
  name: 'secret_make',
  text: `INSERT INTO secrets (organization_id, name, sealed_value) VALUES ($1, $2, $3)
    ON CONFLICT (organization_id, name) DO NOTHING RETURNING name`,
};

const PUT: Statement = {
  name: 'secret_put',
  text: `INSERT INTO secrets (organization_id, name, sealed_value) VALUES ($1, $2, $3)
    ON CONFLICT (organization_id, name) DO UPDATE SET sealed_value = excluded.sealed_value, updated_at = now() RETURNING name`,
};

const DELETE: Statement = {
  name: 'secret_delete',
  text: 'DELETE FROM secrets WHERE organization_id = $1 AND name = $2 RETURNING name',
};

const ABSENT: Statement = {
  name: 'secret_absent',
  text: `SELECT named.name FROM unnest($2::text[]) AS named(name)
    WHERE NOT EXISTS (SELECT 1 FROM secrets s WHERE s.organization_id = $1 AND s.name = named.name)`,
};

interface SecretRow {
  readonly name: string;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly use_count: number;
  readonly uses: readonly SecretUse[] | null;
}

export class PrismaSecretStore implements SecretStore {
  constructor(
    private readonly db: Database,
    private readonly box: SecretBox,
  ) {}

  async listSecrets(organizationId: string, { limit, cursor }: PageRequest): Promise<Page<Secret>> {
    const rows = await this.db.query<SecretRow>(LIST, [organizationId, nameOf(cursor), limit + 1]);
    const items = rows.slice(0, limit).map(toSecret);
    const last = rows.length > limit ? items.at(-1) : undefined;
    return { items, nextCursor: last ? Buffer.from(last.name).toString('base64url') : null };
  }

  async getSecret(organizationId: string, name: string): Promise<Secret | null> {
    const [row] = await this.db.query<SecretRow>(GET, [organizationId, name]);
    return row ? toSecret(row) : null;
  }

  async putSecret(organizationId: string, name: string, value: string, isNew: boolean): Promise<Secret | null> {
    const sealed = this.box.seal(value, secretPlace(organizationId, name));
    const [put] = await this.db.query(isNew ? MAKE : PUT, [organizationId, name, sealed]);
    return put ? this.getSecret(organizationId, name) : null;
  }

  async deleteSecret(organizationId: string, name: string): Promise<boolean> {
    try {
      return (await this.db.query(DELETE, [organizationId, name])).length > 0;
    } catch (error) {
      if (!(error instanceof ViolationError) || error.violation.kind !== 'foreign_key') throw error;
      const secret = await this.getSecret(organizationId, name);
      throw new AppError('secret_in_use', `the secret is used ${secret ? tellUses(secret) : 'by agents'}`, {
        cause: error,
      });
    }
  }

  async findAbsentSecrets(organizationId: string, names: readonly string[]): Promise<string[]> {
    if (names.length === 0) return [];
    return (await this.db.query<{ name: string }>(ABSENT, [organizationId, names])).map(({ name }) => name);
  }
}

function toSecret({
  name,
  created_at: createdAt,
  updated_at: updatedAt,
  use_count: useCount,
  uses,
}: SecretRow): Secret {
  return { name, createdAt, updatedAt, useCount, uses: uses ?? [] };
}

function nameOf(cursor: string | null): string | null {
  if (cursor === null) return null;
  const name = Buffer.from(cursor, 'base64url').toString('utf8');
  if (!SECRET_NAME.test(name)) throw new AppError('invalid_request', 'cursor: not a cursor of this list');
  return name;
}
