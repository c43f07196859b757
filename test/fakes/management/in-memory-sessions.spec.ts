import { sessionStoreContract } from '../../contracts/stores/session-store-contract';
import { FakeClock } from '../fake-clock';
import { InMemoryAccess } from './in-memory-access';
import { InMemorySessions } from './in-memory-sessions';

sessionStoreContract('InMemorySessions', () => {
  const [clock, access] = [new FakeClock(), new InMemoryAccess()];
  const key = { keyId: 'one', organizationId: 'o', role: 'member' } as const;
  const otherKey = { ...key, keyId: 'two', role: 'admin' } as const;
  access.keys.set('1', key).set('2', otherKey);
  return {
    ...{ store: new InMemorySessions(access, clock), key, otherKey },
    passTime: (ms) => clock.advance(ms),
    revoke: (keyId) => {
      for (const [hash, principal] of access.keys) if (principal.keyId === keyId) access.keys.delete(hash);
      return Promise.resolve();
    },
  };
});
