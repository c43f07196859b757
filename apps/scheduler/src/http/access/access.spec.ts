import type { AppError } from '@crewtab/domain/errors';
import type { RequestRefused } from '../server/problem';
import { FakeClock } from '@test/fakes/fake-clock';
import { InMemoryAccess } from '@test/fakes/management/in-memory-access';
import { RecordingLogger } from '@test/fakes/recording-logger';
import { generateApiKey, hashApiKey } from './api-key';
import { Authenticator } from './authenticator';
import { ensureFirstKey } from './first-key';
import { networkOf, RequestLimits } from './request-limits';

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

  const identify = (key: string, address = '10.0.0.1') => authenticator.identify(key, address);

  beforeEach(() => {
    access = new InMemoryAccess();
    clock = new FakeClock();
    authenticator = new Authenticator(
      access,
      clock,
      new RequestLimits({ requests: 100, failures: 3, streams: 2, addressStreams: 10 }),
    );
    access.keys.set(hashApiKey('key'), principal);
  });

  it('trusts a key that was found for 5 s, and no longer', async () => {
    expect(await identify('key')).toEqual(principal);
    access.keys.clear();
    await clock.advance(4_999);
    expect(await identify('key')).toEqual(principal);
    await clock.advance(1);
    expect(await identify('key')).toBeNull();
  });

  it('asks again for a key that was not there, so that a new one works at once', async () => {
    expect(await identify('new')).toBeNull();
    access.keys.set(hashApiKey('new'), principal);
    expect(await identify('new')).toEqual(principal);
  });

  it('looks up no more unknown keys of an address than the limit, however many come at once', async () => {
    const asked = Array.from({ length: 50 }, (_, n) => identify(`guess ${n}`).catch((error: AppError) => error.code));
    const answers = await Promise.all(asked);
    expect(answers.filter((answer) => answer === null)).toHaveLength(3);
    expect(answers.filter((answer) => answer === 'rate_limited')).toHaveLength(47);
    expect(access.lookUps).toBe(3);
    expect(await identify('guess', '10.0.0.2')).toBeNull();
  });

  it('locks no key out that was valid before, though its trust has ended', async () => {
    await identify('key');
    for (let n = 0; n < 3; n++) await identify(`guess ${n}`);
    await clock.advance(5_000);
    expect(await identify('key')).toEqual(principal);
    await expect(identify('guess')).rejects.toMatchObject({ code: 'rate_limited' });
  });

  it('counts neither valid keys nor a database that is away as failures', async () => {
    for (let n = 0; n < 20; n++) {
      access.keys.set(hashApiKey(`new ${n}`), principal);
      expect(await identify(`new ${n}`)).toEqual(principal);
    }
    jest.spyOn(access, 'findKey').mockRejectedValue(new Error('away'));
    for (let n = 0; n < 20; n++) await expect(identify(`other ${n}`)).rejects.toThrow('away');
  });

  it('asks once for a key that many requests bring at the same moment', async () => {
    const answers = await Promise.all(Array.from({ length: 100 }, () => identify('key')));
    expect(answers).toEqual(answers.map(() => principal));
    expect(access.lookUps).toBe(1);
  });

  it('does not ask for what cannot be a key', async () => {
    expect(await identify('')).toBeNull();
    expect(await identify('x'.repeat(1_001))).toBeNull();
    expect(access.lookUps).toBe(0);
  });
});

describe('RequestLimits', () => {
  it.each([
    ['10.1.2.3', '10.1.2.3'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0db8:1:2::1', '2001:db8:1:2::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['gone', 'gone'],
  ])('counts %s as %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });

  it('says when to come again', async () => {
    const limits = new RequestLimits({ requests: 2, failures: 1, streams: 1, addressStreams: 10 });
    await limits.countRequest('a');
    await limits.countRequest('a');
    const refused = await limits.countRequest('a').catch((error: RequestRefused) => error);
    expect(refused).toMatchObject({ code: 'rate_limited' });
    expect(Number(refused?.headers['Retry-After'])).toBeGreaterThan(0);
    expect(Number(refused?.headers['Retry-After'])).toBeLessThanOrEqual(60);
    await limits.countRequest('b');
  });

  it('counts streams until they are closed, once each', () => {
    const limits = new RequestLimits({ requests: 1, failures: 1, streams: 2, addressStreams: 4 });
    const close = limits.openStream('k', '10.0.0.1');
    limits.openStream('k', '10.0.0.2');
    expect(() => limits.openStream('k', '10.0.0.3')).toThrow('more than 2 open event streams of this API key');
    limits.openStream('other', '10.0.0.1');
    close();
    close();
    limits.openStream('k', '10.0.0.1');
    expect(() => limits.openStream('k', '10.0.0.1')).toThrow('more than 2 open event streams');
  });

  it('counts the streams of an address, whatever its keys; of IPv6 all of its /64', () => {
    const limits = new RequestLimits({ requests: 1, failures: 1, streams: 2, addressStreams: 3 });
    const close = limits.openStream('a', '2001:db8::1');
    limits.openStream('b', '2001:db8::2');
    limits.openStream('c', '2001:db8::3');
    expect(() => limits.openStream('d', '2001:db8::4')).toThrow('more than 3 open event streams of this address');
    limits.openStream('d', '10.0.0.1');
    close();
    limits.openStream('d', '2001:db8::4');
    // What was refused is counted nowhere.
    expect(() => limits.openStream('e', '2001:db8::4')).toThrow('of this address');
    limits.openStream('e', '10.0.0.1');
  });
});

describe('ensureFirstKey', () => {
  const logger = new RecordingLogger();
  beforeEach(() => void (logger.entries.length = 0));

  it('takes the configured key and prints nothing', async () => {
    const access = new InMemoryAccess();
    const print = jest.fn();
    await ensureFirstKey({ access, configuredKey: 'configured-key-long-enough', print, logger });
    expect(await access.findKey(hashApiKey('configured-key-long-enough'))).toMatchObject({ role: 'admin' });
    expect(print).not.toHaveBeenCalled();
  });

  it('makes one and prints it once, however many processes start', async () => {
    const access = new InMemoryAccess();
    const printed: string[] = [];
    const start = () => ensureFirstKey({ access, configuredKey: null, print: (key) => printed.push(key), logger });
    await Promise.all([start(), start(), start()]);
    await start();
    expect(printed).toHaveLength(1);
    expect(await access.findKey(hashApiKey(printed[0] ?? ''))).toMatchObject({ role: 'admin' });
  });

  it('changes nothing once there is a key', async () => {
    const access = new InMemoryAccess();
    await ensureFirstKey({ access, configuredKey: 'the-first-key-of-all', print: jest.fn(), logger });
    await ensureFirstKey({ access, configuredKey: 'another-key-later-on', print: jest.fn(), logger });
    expect(await access.findKey(hashApiKey('another-key-later-on'))).toBeNull();
  });

  it('says in the log that CREWTAB_API_KEY is not a key of the database, without showing it', async () => {
    const access = new InMemoryAccess();
    const start = (configuredKey: string | null) => ensureFirstKey({ access, configuredKey, print: jest.fn(), logger });
    await start('the-first-key-of-all');
    await start('the-first-key-of-all');
    await start(null);
    expect(logger.entries).toEqual([]);
    await start('another-key-later-on');
    expect(logger.messages('warn')).toEqual([expect.stringContaining('CREWTAB_API_KEY is not a key of this database')]);
    expect(JSON.stringify(logger.entries)).not.toContain('another-key-later-on');
  });
});
