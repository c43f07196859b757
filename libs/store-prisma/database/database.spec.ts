import fc from 'fast-check';
import { isId, storableJson, storableText } from './database';

/** Any JavaScript strings, lone surrogates and U+0000 included. */
const anyText = fc
  .string({ unit: 'binary', maxLength: 20 })
  .chain((text) =>
    fc
      .array(fc.constantFrom('\0', '\ud800', '\udfff', '\\', '\\u0000', '\\ud800', '"', '🙂'))
      .map((odd) => odd.join('') + text + odd.join(text)),
  );

/** The same, done the slow way. */
function clean(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD');
}

describe('storableText', () => {
  it('replaces U+0000 and nothing else', () => {
    expect(storableText('a\0b\0')).toBe('a\uFFFDb\uFFFD');
    expect(storableText('a\\0 🙂')).toBe('a\\0 🙂');
  });
});

describe('storableJson', () => {
  it('replaces what jsonb refuses, in values and keys, and nothing else', () => {
    fc.assert(
      fc.property(anyText, anyText, (key, value) => {
        expect(JSON.parse(storableJson({ [`k${key}`]: [value] }))).toEqual({ [`k${clean(key)}`]: [clean(value)] });
      }),
    );
  });

  it('tells an escape from a backslash that stands before the same letters', () => {
    expect(JSON.parse(storableJson('\\u0000 \\ud800 \0 \ud800'))).toBe('\\u0000 \\ud800 \uFFFD \uFFFD');
  });
});

describe('isId', () => {
  it('is true of a UUID and false of any other text', () => {
    expect(isId('01890000-0000-7000-8000-00000000abcd')).toBe(true);
    for (const text of ['', 'x', '01890000-0000-7000-8000-00000000abcd0', "' OR 1=1"]) expect(isId(text)).toBe(false);
  });
});
