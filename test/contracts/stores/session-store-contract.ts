import type { ApiPrincipal } from '@crewtab/domain/ports/management-store';
import { MAX_SESSIONS_PER_KEY, type Session, type SessionStore } from '@crewtab/domain/ports/session-store';

/** The store under test, with two keys, and the hands that reach around it. */
export interface SessionStoreSubject {
  readonly store: SessionStore;
  readonly key: ApiPrincipal;
  readonly otherKey: ApiPrincipal;
  /** As if every instant that the store knows lay `ms` further back. */
  passTime(ms: number): Promise<void>;
  revoke(keyId: string): Promise<void>;
}

const IDLE_MS = 3_600_000;
const LIMIT_MS = 10 * IDLE_MS;

/** What every SessionStore must do; `setup` answers an empty store. */
export function sessionStoreContract(
  name: string,
  setup: () => SessionStoreSubject | Promise<SessionStoreSubject>,
): void {
  describe(`${name} keeps the session store's contract`, () => {
    let subject: SessionStoreSubject;
    let store: SessionStore;
    beforeEach(async () => {
      subject = await setup();
      store = subject.store;
    });

    const logIn = (tokenHash: string, { keyId } = subject.key): Promise<Session> =>
      store.createSession({ keyId, tokenHash, client: 'Firefox', limitMs: LIMIT_MS });
    const use = (tokenHash: string) => store.useSession(tokenHash, IDLE_MS);
    const idsOf = async (keyId: string) => (await store.listSessions(keyId, IDLE_MS)).map(({ id }) => id);

    it('tells whose a session is, and nothing for another token', async () => {
      const session = await logIn('a');
      expect(session.expiresAt.getTime() - session.createdAt.getTime()).toBe(LIMIT_MS);
      const used = await use('a');
      expect(used?.principal).toEqual(subject.key);
      expect(used?.session).toMatchObject({ id: session.id, client: 'Firefox' });
      expect(await use('b')).toBeNull();
    });

    it('ends a session that is not used for the idle limit, and none that is', async () => {
      await Promise.all([logIn('used'), logIn('idle')]);
      for (let times = 0; times < 3; times++) {
        await subject.passTime(IDLE_MS / 2);
        expect(await use('used')).not.toBeNull();
      }
      expect(await use('idle')).toBeNull();
      expect(await idsOf(subject.key.keyId)).toHaveLength(1);
    });

    it('ends a session at its limit, however much it is used', async () => {
      await logIn('a');
      for (let hour = 0; hour < 18; hour++) {
        await subject.passTime(IDLE_MS / 2);
        expect(await use('a')).not.toBeNull();
      }
      await subject.passTime(IDLE_MS);
      expect(await use('a')).toBeNull();
      expect(await idsOf(subject.key.keyId)).toEqual([]);
    });

    it('ends the sessions and codes of a key that is revoked', async () => {
      await logIn('a');
      await store.createCode(subject.key.keyId, 'code', 1_000);
      await subject.revoke(subject.key.keyId);
      expect(await use('a')).toBeNull();
      expect(await store.redeemCode('code')).toBeNull();
    });

    it('lists the sessions of a key, newest first, and ends one or all of them', async () => {
      const first = await logIn('1');
      await subject.passTime(1_000);
      const second = await logIn('2');
      const other = await logIn('3', subject.otherKey);
      expect(await idsOf(subject.key.keyId)).toEqual([second.id, first.id]);
      expect(await store.endSession(subject.key.keyId, other.id)).toBe(false);
      expect(await store.endSession(subject.key.keyId, first.id)).toBe(true);
      expect(await store.endSession(subject.key.keyId, first.id)).toBe(false);
      expect(await use('1')).toBeNull();
      await store.endAllSessions(subject.key.keyId);
      expect(await use('2')).toBeNull();
      expect(await use('3')).not.toBeNull();
    });

    it('ends the oldest session of a key that has too many', async () => {
      for (let number = 1; number <= MAX_SESSIONS_PER_KEY + 1; number++) {
        await logIn(`n${number}`);
        await subject.passTime(1);
      }
      expect(await idsOf(subject.key.keyId)).toHaveLength(MAX_SESSIONS_PER_KEY);
      expect(await use('n1')).toBeNull();
      expect(await use('n2')).not.toBeNull();
    });

    it('redeems a code once, however many ask at the same time, and not after its time', async () => {
      await store.createCode(subject.key.keyId, 'code', 1_000);
      const answers = await Promise.all(Array.from({ length: 5 }, () => store.redeemCode('code')));
      expect(answers.filter((answer) => answer !== null)).toEqual([subject.key]);
      await store.createCode(subject.key.keyId, 'late', 1_000);
      await subject.passTime(1_000);
      expect(await store.redeemCode('late')).toBeNull();
      expect(await store.redeemCode('never')).toBeNull();
    });
  });
}
