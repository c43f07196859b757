import type { ApiPrincipal } from '@crewtab/domain/ports/management-store';
import { sessionStoreContract } from '../../contracts/stores/session-store-contract';
import { sha256, StoreFixture } from './store-fixture';

let fixture: StoreFixture;
beforeAll(async () => (fixture = await StoreFixture.create()));
afterAll(() => fixture.dispose());

async function makeKey(organizationId: string, role: ApiPrincipal['role']): Promise<ApiPrincipal> {
  const [row] = await fixture.sql<{ id: string }>(
    `INSERT INTO api_keys (organization_id, name, role, key_hash) VALUES ($1, 'k', $2::api_role, $3) RETURNING id`,
    [organizationId, role, sha256(`${organizationId} ${role}`)],
  );
  if (!row) throw new Error('no key was made');
  return { keyId: row.id, organizationId, role };
}

sessionStoreContract('PrismaSessionStore', async () => {
  await fixture.sql('TRUNCATE sessions, login_codes');
  const organizationId = await fixture.organization();
  return {
    store: fixture.store.sessions,
    key: await makeKey(organizationId, 'member'),
    otherKey: await makeKey(organizationId, 'admin'),
    passTime: async (ms) => {
      await fixture.sql(
        `UPDATE sessions SET created_at = created_at - $1 * interval '1 ms',
           last_seen_at = last_seen_at - $1 * interval '1 ms', expires_at = expires_at - $1 * interval '1 ms'`,
        [ms],
      );
      await fixture.sql(`UPDATE login_codes SET expires_at = expires_at - $1 * interval '1 ms'`, [ms]);
    },
    revoke: async (keyId) => void (await fixture.sql('UPDATE api_keys SET revoked_at = now() WHERE id = $1', [keyId])),
  };
});
