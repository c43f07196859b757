import type { AccessStore, ApiPrincipal } from '@crewtab/domain/ports/management-store';
import type { Database, Statement } from '../database/database';
import type { PrismaClient } from '../generated/client';
import { viaPrisma } from '../database/store-errors';

/** Name of the organization that the first start makes. */
const FIRST_ORGANIZATION = 'default';

/** Taken by all processes that look whether they are the first. */
const LOCK_FIRST_KEY: Statement = { text: `SELECT pg_advisory_xact_lock(hashtextextended('crewtab:first-key', 0))` };
const INSERT_FIRST_KEY: Statement = {
  text: `WITH wanted AS (SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM api_keys)),
    organization AS (
      INSERT INTO organizations (name) SELECT '${FIRST_ORGANIZATION}' FROM wanted
      ON CONFLICT (name) DO UPDATE SET name = EXCLUDED.name RETURNING id)
    INSERT INTO api_keys (organization_id, name, role, key_hash) SELECT id, $2, 'admin', $1 FROM organization RETURNING id`,
};

export class PrismaAccessStore implements AccessStore {
  constructor(
    private readonly db: Database,
    private readonly prisma: PrismaClient,
  ) {}

  async findKey(keyHash: string): Promise<ApiPrincipal | null> {
    const key = await viaPrisma(this.prisma.apiKey.findUnique({ where: { keyHash, revokedAt: null } }));
    return key && { keyId: key.id, organizationId: key.organizationId, role: key.role };
  }

  async createFirstKey(keyHash: string, name: string): Promise<boolean> {
    return this.db.transaction(async (session) => {
      await session.query(LOCK_FIRST_KEY);
      const made = await session.query(INSERT_FIRST_KEY, [keyHash, name]);
      return made.length > 0;
    }, 'postgres.first-key.commit');
  }

  async hasAnyKey(): Promise<boolean> {
    return (await viaPrisma(this.prisma.apiKey.findFirst({ select: { id: true } }))) !== null;
  }
}
