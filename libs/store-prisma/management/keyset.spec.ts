import { decodeCursor, decodeRank, encodeCursor, encodeRank, toPage } from './keyset';

const ID = '01890000-0000-7000-8000-00000000abcd';
const AT = new Date('2026-03-01T10:00:00.123Z');

describe('cursors', () => {
  it('come back as they were made', () => {
    expect(decodeCursor(encodeCursor({ id: ID, at: null }), 'id')).toEqual({ id: ID, at: null });
    expect(decodeCursor(encodeCursor({ id: ID, at: AT }), 'instant')).toEqual({ id: ID, at: AT });
    expect(decodeCursor(null, 'id')).toBeNull();
  });

  it('are refused when they are of another list or were never given', () => {
    const refused = expect.objectContaining({ code: 'invalid_request' }) as Error;
    expect(() => decodeCursor(encodeCursor({ id: ID, at: AT }), 'id')).toThrow(refused);
    expect(() => decodeCursor(encodeCursor({ id: ID, at: null }), 'instant')).toThrow(refused);
    for (const text of ['', 'x']) expect(() => decodeCursor(text, 'instant')).toThrow(refused);
    for (const millis of ['1~2', 'NaN', '', '1e12', '0x10', ' 1', '1.5', '9'.repeat(30)])
      expect(() => decodeCursor(Buffer.from(`${millis}~${ID}`).toString('base64url'), 'instant')).toThrow(refused);
  });

  it('are refused beyond the years 1 to 9999', () => {
    const refused = expect.objectContaining({ code: 'invalid_request' }) as Error;
    for (const at of ['0001-01-01T00:00:00.000Z', '9999-12-31T23:59:59.999Z'])
      expect(decodeCursor(encodeCursor({ id: ID, at: new Date(at) }), 'instant')).toMatchObject({ at: new Date(at) });
    for (const at of ['0000-12-31T23:59:59.999Z', '+010000-01-01T00:00:00.000Z', '+270000-01-01T00:00:00.000Z'])
      expect(() => decodeCursor(encodeCursor({ id: ID, at: new Date(at) }), 'instant')).toThrow(refused);
  });
});

describe('cursors of a list that is sorted by a number', () => {
  it('come back as they were made', () => {
    for (const value of [0, 12, 0.1 + 0.2, 1e-9, 1.5e21])
      expect(decodeRank(encodeRank('cost', { id: ID, value }), 'cost')).toEqual({ id: ID, value });
    expect(decodeRank(null, 'cost')).toBeNull();
  });

  it('are refused when they are of another list or were never given', () => {
    const refused = expect.objectContaining({ code: 'invalid_request' }) as Error;
    const of = (text: string): string => Buffer.from(text).toString('base64url');
    expect(() => decodeRank(encodeRank('took_ms', { id: ID, value: 1 }), 'cost')).toThrow(refused);
    expect(() => decodeRank(encodeCursor({ id: ID, at: AT }), 'cost')).toThrow(refused);
    for (const text of [`cost~~${ID}`, `cost~NaN~${ID}`, 'cost~1~x', `cost~1~${ID}~2`, `cost~1e999~${ID}`])
      expect(() => decodeRank(of(text), 'cost')).toThrow(refused);
    expect(() => decodeRank(of(`took_ms~1.5~${ID}`), 'took_ms')).toThrow(refused);
  });
});

describe('toPage', () => {
  const page = (rows: number[], limit: number): { items: readonly string[]; nextCursor: string | null } =>
    toPage(rows, limit, () => ({ id: ID, at: null }), String);

  it('has a cursor exactly when there is more', () => {
    expect(page([], 2)).toEqual({ items: [], nextCursor: null });
    expect(page([1, 2], 2)).toEqual({ items: ['1', '2'], nextCursor: null });
    expect(page([1, 2, 3], 2)).toEqual({ items: ['1', '2'], nextCursor: encodeCursor({ id: ID, at: null }) });
  });
});
