import { FakeClock } from '@test/fakes/fake-clock';
import { InMemoryAccess } from '@test/fakes/management/in-memory-access';
import { generateApiKey, hashApiKey } from './api-key';
import { Authenticator } from './authenticator';
import { ensureFirstKey } from './first-key';

describe('generateApiKey', () => {
  it('makes keys of 32 random characters, each another one', () => {
    const keys = new Set(Array.from({ length: 100 }, generateApiKey));
    expect(keys.size).toBe(100);
    for (const key of keys) expect(key).toMatch(/^ctk_[A-Za-z0-9_-]{32}$/);
  });
});

describe('Authenticator', () => {
  const principal = { keyId: 'k', organizationId: 'o', role: 'member' } as const;
  let access: InMemoryAccess;
  let clock: FakeClock;
  let authenticator: Authenticator;

  beforeEach(() => {
    access = new InMemoryAccess();
    clock = new FakeClock();
    authenticator = new Authenticator(access, clock);
    access.keys.set(hashApiKey('key'), principal);
  });

  it('trusts a key that was found for 5 s, and no longer', async () => {
    expect(await authenticator.identify('key')).toEqual(principal);
    access.keys.clear();
    await clock.advance(4_999);
    expect(await authenticator.identify('key')).toEqual(principal);
    await clock.advance(1);
    expect(await authenticator.identify('key')).toBeNull();
  });

  it('asks again for a key that was not there, so that a new one works at once', async () => {
    expect(await authenticator.identify('new')).toBeNull();
    access.keys.set(hashApiKey('new'), principal);
    expect(await authenticator.identify('new')).toEqual(principal);
  });

  it('does not ask for what cannot be a key', async () => {
    expect(await authenticator.identify('')).toBeNull();
    expect(await authenticator.identify('x'.repeat(1_001))).toBeNull();
    expect(access.lookUps).toBe(0);
  });
});

describe('ensureFirstKey', () => {
  it('takes the configured key and prints nothing', async () => {
    const access = new InMemoryAccess();
    const print = jest.fn();
    await ensureFirstKey({ access, configuredKey: 'configured-key-long-enough', print });
    expect(await access.findKey(hashApiKey('configured-key-long-enough'))).toMatchObject({ role: 'admin' });
    expect(print).not.toHaveBeenCalled();
  });

  it('makes one and prints it once, however many processes start', async () => {
    const access = new InMemoryAccess();
    const printed: string[] = [];
    const start = () => ensureFirstKey({ access, configuredKey: null, print: (key) => printed.push(key) });
    await Promise.all([start(), start(), start()]);
    await start();
    expect(printed).toHaveLength(1);
    expect(await access.findKey(hashApiKey(printed[0] ?? ''))).toMatchObject({ role: 'admin' });
  });

  it('changes nothing once there is a key', async () => {
    const access = new InMemoryAccess();
    await ensureFirstKey({ access, configuredKey: 'the-first-key-of-all', print: jest.fn() });
    await ensureFirstKey({ access, configuredKey: 'another-key-later-on', print: jest.fn() });
    expect(await access.findKey(hashApiKey('another-key-later-on'))).toBeNull();
  });
});
