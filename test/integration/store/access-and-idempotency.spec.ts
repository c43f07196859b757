import { sha256, StoreFixture } from './store-fixture';

let fixture: StoreFixture;
let organizationId: string;

beforeAll(async () => {
  fixture = await StoreFixture.create();
});
afterAll(() => fixture.dispose());

describe('API keys', () => {
  it('has a first one, which exactly one of many processes makes', async () => {
    const { access } = fixture.store;
    expect(await access.hasAnyKey()).toBe(false);
    const hashes = Array.from({ length: 5 }, (_, n) => sha256(`key ${n}`));
    const answers = await Promise.all(hashes.map((hash) => access.createFirstKey(hash, 'first')));
    expect(answers.filter(Boolean)).toHaveLength(1);
    expect(await access.hasAnyKey()).toBe(true);
    const principal = await access.findKey(hashes[answers.indexOf(true)] ?? '');
    expect(principal).toMatchObject({ role: 'admin', keyId: expect.any(String) as string });
    expect(await fixture.sql('SELECT name FROM organizations')).toEqual([{ name: 'default' }]);
    expect(await access.findKey(hashes[answers.indexOf(false)] ?? '')).toBeNull();
    expect(await access.createFirstKey(sha256('later'), 'later')).toBe(false);
  });

  it('are worth nothing once revoked', async () => {
    const { access } = fixture.store;
    const organization = await fixture.organization();
    await fixture.sql(`INSERT INTO api_keys (organization_id, name, role, key_hash) VALUES ($1, 'm', 'member', $2)`, [
      organization,
      sha256('member'),
    ]);
    expect(await access.findKey(sha256('member'))).toMatchObject({ organizationId: organization, role: 'member' });
    await fixture.sql('UPDATE api_keys SET revoked_at = now() WHERE organization_id = $1', [organization]);
    expect(await access.findKey(sha256('member'))).toBeNull();
  });
});

describe('idempotency keys', () => {
  beforeAll(async () => {
    organizationId = await fixture.organization();
  });
  const NEW = { state: 'new', resourceId: expect.any(String) as string };
  const age = (key: string, seconds: number): Promise<unknown> =>
    fixture.sql(`UPDATE idempotency_keys SET reserved_at = now() - $2 * interval '1 second' WHERE key = $1`, [
      key,
      seconds,
    ]);

  it('are reserved by one request and then answer for it', async () => {
    const { idempotency } = fixture.store;
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => idempotency.reserve(organizationId, 'k1', 'body')),
    );
    expect(answers.map(({ state }) => state).sort()).toEqual(['busy', 'busy', 'busy', 'busy', 'new']);
    expect(await idempotency.reserve(organizationId, 'k1', 'other body')).toEqual({ state: 'mismatch' });
    const answer = { status: 201, body: { id: 1, env: { TOKEN: 'top secret' } } };
    await idempotency.complete(organizationId, 'k1', answer);
    expect(await idempotency.reserve(organizationId, 'k1', 'body')).toEqual({ state: 'done', answer });
    expect(await idempotency.reserve(organizationId, 'k1', 'other body')).toEqual({ state: 'mismatch' });
    const [found] = await fixture.sql<{ rows: number }>(
      `SELECT count(*)::int AS rows FROM idempotency_keys k WHERE k::text ~ 'top secret'`,
    );
    expect(found?.rows).toBe(0);
    expect(await idempotency.reserve(await fixture.organization(), 'k1', 'body')).toEqual(NEW);
  });

  it('are free again after a refusal, but not when answered', async () => {
    const { idempotency } = fixture.store;
    await idempotency.reserve(organizationId, 'k2', 'body');
    await idempotency.abandon(organizationId, 'k2', 'refused');
    expect(await idempotency.reserve(organizationId, 'k2', 'other')).toEqual(NEW);
    await idempotency.complete(organizationId, 'k2', { status: 204, body: undefined });
    for (const outcome of ['refused', 'unknown'] as const) await idempotency.abandon(organizationId, 'k2', outcome);
    expect(await idempotency.reserve(organizationId, 'k2', 'other')).toEqual({
      state: 'done',
      answer: { status: 204, body: undefined },
    });
  });

  it('keep the id of what is made over every attempt, and stay with their request when it is unknown what was done', async () => {
    const { idempotency } = fixture.store;
    const first = await idempotency.reserve(organizationId, 'k4', 'body');
    await idempotency.abandon(organizationId, 'k4', 'unknown');
    expect(await idempotency.reserve(organizationId, 'k4', 'other')).toEqual({ state: 'mismatch' });
    expect(await idempotency.reserve(organizationId, 'k4', 'body')).toEqual(first);
    expect(await idempotency.reserve(organizationId, 'k4', 'body')).toEqual({ state: 'busy' });
    await age('k4', 61);
    expect(await idempotency.reserve(organizationId, 'k4', 'body')).toEqual(first);
    await age('k4', 86_500);
    const later = await idempotency.reserve(organizationId, 'k4', 'body');
    expect(later).toEqual(NEW);
    expect(later).not.toEqual(first);
  });

  it('outlive a crashed request by a minute and an answer by a day', async () => {
    const { idempotency } = fixture.store;
    await idempotency.reserve(organizationId, 'k3', 'body');
    await age('k3', 59);
    expect(await idempotency.reserve(organizationId, 'k3', 'body')).toEqual({ state: 'busy' });
    await age('k3', 61);
    expect(await idempotency.reserve(organizationId, 'k3', 'other')).toEqual({ state: 'mismatch' });
    expect(await idempotency.reserve(organizationId, 'k3', 'body')).toEqual(NEW);
    await idempotency.complete(organizationId, 'k3', { status: 200, body: null });
    await age('k3', 86_300);
    expect(await idempotency.reserve(organizationId, 'k3', 'body')).toMatchObject({ state: 'done' });
    await age('k3', 86_500);
    expect(await idempotency.reserve(organizationId, 'k3', 'other')).toEqual(NEW);
  });
});
