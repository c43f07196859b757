import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import { SecretBox, type SealedPlace } from './secret-box';

const KEY = Buffer.alloc(32, 1);
const OTHER_KEY = Buffer.alloc(32, 2);
const PLACE: SealedPlace = ['env', 'organization', 'team', 'lead'];

/** As versions before 0.2 sealed. */
function sealUnbound(text: string, key = KEY): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  const keyId = createHash('sha256').update(key).digest('hex').slice(0, 8);
  return `v1:${keyId}:${Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url')}`;
}

describe('SecretBox', () => {
  const box = new SecretBox({ current: KEY });

  it('opens what it sealed, and seals the same text differently each time', () => {
    const text = JSON.stringify({ TOKEN: 'geheim 🙂', EMPTY: '' });
    const [first, second] = [box.seal(text, PLACE), box.seal(text, PLACE)];
    expect(first).not.toBe(second);
    expect(first).toMatch(/^v2:[0-9a-f]{8}:[A-Za-z0-9_-]+$/);
    expect(first.startsWith(box.prefix)).toBe(true);
    expect(first).not.toContain('geheim');
    expect([box.open(first, PLACE), box.open(second, PLACE), box.open(box.seal('', PLACE), PLACE)]).toEqual([
      text,
      text,
      '',
    ]);
  });

  it.each<[string, SealedPlace]>([
    ['another agent', ['env', 'organization', 'team', 'writer']],
    ['another team', ['env', 'organization', 'other', 'lead']],
    ['another organization', ['env', 'other', 'team', 'lead']],
    ['another kind', ['answer', 'organization', 'team', 'lead']],
    ['a place with the same letters in other parts', ['env', 'organizationteam', '', 'lead']],
    ['a place with a part less', ['env', 'organization', 'team']],
  ])('refuses a text that was moved to %s', (_, place) => {
    const sealed = box.seal('x', PLACE);
    expect(() => box.open(sealed, place)).toThrow('was altered, or moved from another place');
  });

  it('takes its key as bytes, hex or base64', () => {
    const sealed = box.seal('x', PLACE);
    for (const current of [KEY.toString('hex'), KEY.toString('base64'), `${KEY.toString('base64url')}\n`]) {
      expect(new SecretBox({ current }).open(sealed, PLACE)).toBe('x');
    }
  });

  it.each(['', 'short', Buffer.alloc(16), KEY.toString('hex').slice(2)])(
    'refuses a key that is not 32 bytes (%p)',
    (key) => {
      const message = /CREWTAB_ENCRYPTION_KEY must be 32 bytes/;
      expect(() => new SecretBox({ current: key })).toThrow(message);
      expect(() => new SecretBox({ current: KEY, former: key })).toThrow(message);
    },
  );

  it('opens with two keys and seals with the current one', () => {
    const both = new SecretBox({ current: OTHER_KEY, former: KEY });
    expect(both.open(box.seal('x', PLACE), PLACE)).toBe('x');
    const sealed = both.seal('y', PLACE);
    expect(new SecretBox({ current: OTHER_KEY }).open(sealed, PLACE)).toBe('y');
    expect(() => box.open(sealed, PLACE)).toThrow('is not the key');
  });

  it('names the key that is wrong, without showing it', () => {
    const other = new SecretBox({ current: OTHER_KEY });
    expect(() => other.open(box.seal('x', PLACE), PLACE)).toThrow(
      /is not the key that this database was written with \(its id is [0-9a-f]{8}, given: [0-9a-f]{8}\)/,
    );
  });

  it('notices that a sealed text was altered', () => {
    const sealed = box.seal('a secret', PLACE);
    const [version, keyId, payload = ''] = sealed.split(':');
    const bytes = Buffer.from(payload, 'base64url');
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    expect(() => box.open(`${version}:${keyId}:${bytes.toString('base64url')}`, PLACE)).toThrow('was altered');
    expect(() => box.open(`${version}:${keyId}:AAAA`, PLACE)).toThrow('was altered');
    expect(() => box.open('plain text', PLACE)).toThrow('unknown form');
    expect(() => box.open(`v1:${keyId}:${payload}`, PLACE)).toThrow('was altered');
  });

  it('opens what earlier versions sealed, until nothing of them is left', () => {
    const strict = new SecretBox({ current: KEY });
    const sealed = sealUnbound('x');
    expect(strict.open(sealed, PLACE)).toBe('x');
    strict.refuseUnbound();
    expect(() => strict.open(sealed, PLACE)).toThrow('npm run reseal');
    expect(strict.open(strict.seal('y', PLACE), PLACE)).toBe('y');
  });
});
