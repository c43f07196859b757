import fc from 'fast-check';
import { formsOf } from './secret-forms';
import { SecretMask } from './secret-mask';

const VALUE = 'ghp_0123456789/+äé"\\abc';
const MARK = '[secret:github]';
const mask = new SecretMask({ github: VALUE });

const bytes = (text: string): Buffer => Buffer.from(text, 'utf8');

describe('the forms of a value', () => {
  it.each([
    ['as it is', VALUE],
    ['in base64', bytes(VALUE).toString('base64')],
    ['in base64, one byte later', bytes(`x${VALUE}y`).toString('base64')],
    ['in base64, two bytes later', bytes(`xx${VALUE}yy`).toString('base64')],
    ['in base64 for URLs', bytes(`xx${VALUE}yy`).toString('base64url')],
    ['in hex', bytes(VALUE).toString('hex')],
    ['in capital hex', bytes(VALUE).toString('hex').toUpperCase()],
    ['in a URL', encodeURIComponent(VALUE)],
    ['in a URL, in small letters', encodeURIComponent(VALUE).replace(/%../g, (escape) => escape.toLowerCase())],
    ['in a path', encodeURI(VALUE).replace('+', '%2B')],
    ['in a form', new URLSearchParams({ v: VALUE }).toString()],
    ['in JSON', JSON.stringify({ VALUE })],
    ['in JSON within JSON', JSON.stringify(JSON.stringify({ VALUE }))],
    ['in ASCII JSON', JSON.stringify(VALUE).replaceAll('ä', '\\u00e4').replaceAll('é', '\\u00e9')],
    ['in JSON with escaped slashes', JSON.stringify(VALUE).replaceAll('/', '\\/')],
  ])('%s is masked', (_how, text) => {
    const masked = mask.text(`before ${text} after`);
    expect(masked).toContain(MARK);
    expect(masked.startsWith('before ')).toBe(true);
    expect(masked.endsWith(' after')).toBe(true);
    expect(formsOf(VALUE).filter((form) => masked.includes(form))).toEqual([]);
  });

  it('include the lines of a value that has several, and the token of a header', () => {
    const key = '-----BEGIN KEY-----\r\nMIIEvQIBADANBgkq\nhkiG9w0\n-----END KEY-----\n';
    const wide = new SecretMask({ key, header: 'Bearer abcdefgh12' });
    expect(wide.text('> MIIEvQIBADANBgkq <')).toBe('> [secret:key] <');
    expect(wide.text(`> ${key.trim()} <`)).toBe('> [secret:key] <');
    // Shorter than a secret may be.
    expect(wide.text('> hkiG9w0 <')).toBe('> hkiG9w0 <');
    expect(wide.text('> abcdefgh12 <')).toBe('> [secret:header] <');
    expect(wide.text('> Bearer abcdefgh12 <')).toBe('> [secret:header] <');
  });

  it('are never shorter than a secret may be', () => {
    for (const value of ['12345678', 'a b c d e', VALUE])
      for (const form of formsOf(value)) expect(form.length).toBeGreaterThan(7);
  });
});

describe('a mask', () => {
  it('takes the longest of what begins at one place, and the first of what overlaps', () => {
    const two = new SecretMask({ short: 'abcdefgh', long: 'abcdefghij' });
    expect(two.text('-abcdefghij-abcdefghi-')).toBe('-[secret:long]-[secret:short]i-');
    expect(new SecretMask({ one: 'aaaabbbb', two: 'bbbbcccc' }).text('aaaabbbbcccc')).toBe('[secret:one]cccc');
  });

  it('masks what a cut text shows of a secret where that is much of it', () => {
    expect(mask.text(`see ${VALUE.slice(0, 15)}`)).toBe(`see ${MARK}`);
    expect(mask.text(`see ${VALUE.slice(0, 15)}…`)).toBe(`see ${MARK}…`);
    expect(mask.text(`see ${VALUE.slice(0, 7)}`)).toBe(`see ${VALUE.slice(0, 7)}`);
    expect(mask.text(`see ${VALUE.slice(0, 15)} and`)).toBe(`see ${VALUE.slice(0, 15)} and`);
  });

  it('goes through values of JSON, and leaves what has no secret as it is', () => {
    const at = new Date(0);
    const value = { a: [{ b: `x ${VALUE}` }, 1, null], [VALUE]: true, at };
    expect(mask.deep(value)).toEqual({ a: [{ b: `x ${MARK}` }, 1, null], [MARK]: true, at });
    const clean = { a: [{ b: 'x' }], at };
    expect(mask.deep(clean)).toBe(clean);
    expect(mask.deep(new Map([['turn', { text: VALUE }]]))).toEqual(new Map([['turn', { text: MARK }]]));
  });

  it('without secrets changes nothing', () => {
    const none = new SecretMask({});
    expect(none.isEmpty).toBe(true);
    const value = { a: 'b' };
    expect(none.deep(value)).toBe(value);
    expect(none.text(VALUE)).toBe(VALUE);
  });

  it('masks a flood in a time that grows with its length alone', () => {
    const many = Object.fromEntries(
      Array.from({ length: 50 }, (_, at) => [`s${at}`, `value-${at}-${'x'.repeat(200)}`]),
    );
    const wide = new SecretMask(many);
    const flood = 'value-7-xxx value-7-yyyyyyyyyyyyy '.repeat(100_000);
    expect(wide.text(flood)).toBe(flood);
    expect(wide.text(`${flood}${many['s7'] ?? ''}`).endsWith('[secret:s7]')).toBe(true);
  });
});

/** From few characters, so that forms overlap and begin again within themselves. */
const value = fc.string({ unit: fc.constantFrom('a', 'b', '/', '"'), minLength: 8, maxLength: 14 });
const noise = fc.string({ unit: fc.constantFrom('a', 'b', '/', '"', '%', '2', 'F', ' '), maxLength: 30 });

describe('whatever the values and the text', () => {
  const cases = fc.tuple(value, value, fc.array(noise, { minLength: 1, maxLength: 5 })).chain(([one, two, noises]) => {
    const forms = [...formsOf(one), ...formsOf(two)];
    const places = fc.array(fc.nat(forms.length - 1), { minLength: noises.length, maxLength: noises.length });
    return places.map((chosen) => ({
      secrets: { one, two },
      forms,
      text: noises.map((part, at) => part + (forms[chosen[at] ?? 0] ?? '')).join(''),
    }));
  });

  it('no form of a value is left', () => {
    fc.assert(
      fc.property(cases, ({ secrets, forms, text }) => {
        const parts = new SecretMask(secrets).text(text).split(/\[secret:(?:one|two)\]/);
        expect(forms.filter((form) => parts.some((part) => part.includes(form)))).toEqual([]);
      }),
    );
  });

  it('a text in pieces becomes what it becomes in one piece', () => {
    fc.assert(
      fc.property(cases, fc.array(fc.integer({ min: 1, max: 9 })), ({ secrets, text }, sizes) => {
        const masked = new SecretMask(secrets);
        let told = '';
        let held = '';
        let at = 0;
        for (const size of [...sizes, text.length]) {
          const next = masked.split(held + text.slice(at, at + size));
          at += size;
          told += next.done;
          held = next.held;
        }
        expect(told + masked.last(held)).toBe(masked.last(text));
      }),
    );
  });
});
