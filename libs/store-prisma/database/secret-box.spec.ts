import { SecretBox } from './secret-box';

const KEY = Buffer.alloc(32, 1);

describe('SecretBox', () => {
  const box = new SecretBox(KEY);

  it('opens what it sealed, and seals the same text differently each time', () => {
    const text = JSON.stringify({ TOKEN: 'geheim 🙂', EMPTY: '' });
    const [first, second] = [box.seal(text), box.seal(text)];
    expect(first).not.toBe(second);
    expect(first).toMatch(/^v1:[0-9a-f]{8}:[A-Za-z0-9_-]+$/);
    expect(first).not.toContain('geheim');
    expect([box.open(first), box.open(second), box.open(box.seal(''))]).toEqual([text, text, '']);
  });

  it('takes its key as bytes, hex or base64', () => {
    const sealed = box.seal('x');
    for (const key of [KEY.toString('hex'), KEY.toString('base64'), `${KEY.toString('base64url')}\n`]) {
      expect(new SecretBox(key).open(sealed)).toBe('x');
    }
  });

  it.each(['', 'short', Buffer.alloc(16), KEY.toString('hex').slice(2)])(
    'refuses a key that is not 32 bytes (%p)',
    (key) => {
      expect(() => new SecretBox(key)).toThrow(/CREWTAB_ENCRYPTION_KEY must be 32 bytes/);
    },
  );

  it('names the key that is wrong, without showing it', () => {
    const other = new SecretBox(Buffer.alloc(32, 2));
    expect(() => other.open(box.seal('x'))).toThrow(
      /is not the key that this database was written with \(its id is [0-9a-f]{8}, the given key's is [0-9a-f]{8}\)/,
    );
  });

  it('notices that a sealed text was altered', () => {
    const sealed = box.seal('a secret');
    const [version, keyId, payload = ''] = sealed.split(':');
    const bytes = Buffer.from(payload, 'base64url');
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    expect(() => box.open(`${version}:${keyId}:${bytes.toString('base64url')}`)).toThrow('was altered');
    expect(() => box.open(`${version}:${keyId}:AAAA`)).toThrow('was altered');
    expect(() => box.open('plain text')).toThrow('unknown form');
  });
});
