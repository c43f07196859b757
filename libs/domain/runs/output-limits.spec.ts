import fc from 'fast-check';
import { checkJson, DEFAULT_JSON_LIMITS, type JsonLimits } from './output-limits';

const limits: JsonLimits = { batchEntries: 3, depth: 4, values: 20 };

function check(text: string): string {
  const found = checkJson(text, limits);
  return found.is === 'beyond' ? found.code : found.is;
}

/** The same by parsing. */
function measured(value: unknown): { depth: number; values: number } {
  if (typeof value !== 'object' || value === null) return { depth: 0, values: 0 };
  const members = Object.values(value).map(measured);
  const depth = 1 + Math.max(0, ...members.map((member) => member.depth));
  const values = members.reduce((sum, member) => sum + member.values, Math.max(1, members.length));
  return { depth, values };
}

describe('checkJson', () => {
  it.each([
    ['{"a":[1,2,{"b":"[[[[[,,,,,,"}]}', 'within_limits'],
    ['[1,2,3]', 'within_limits'],
    [' [1,2,3,4]', 'batch_limit'],
    ['[{"a":[1,2,3,4,5]},{}]', 'within_limits'],
    ['[[[[]]]]', 'within_limits'],
    ['[[[[[]]]]]', 'json_limit'],
    ['{"a":{"a":{"a":{"a":{}}}}}', 'json_limit'],
    [`{"a":[${'1,'.repeat(17)}1]}`, 'within_limits'],
    [`{"a":[${'1,'.repeat(20)}1]}`, 'json_limit'],
    [String.raw`{"a":"\"[[[[[[","b":"\\"}`, 'within_limits'],
    ['[INFO] a, b, c, d, e', 'no_json'],
    ['{ let it = [[[[[[ }', 'no_json'],
    ['{"a": "never ended, , , , ,', 'no_json'],
    ['[1]]]', 'no_json'],
  ])('says of %s: %s', (text, expected) => {
    expect(check(text)).toBe(expected);
  });

  it('takes whatever JSON there is, and counts as parsing it does', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), (text) => {
        const { depth, values } = measured(JSON.parse(text));
        const wide = { batchEntries: 1_000, depth, values: 2 * values + 1 };
        expect(checkJson(text, wide)).toEqual({ is: 'within_limits' });
        if (depth > 0) expect(checkJson(text, { ...wide, depth: depth - 1 })).toMatchObject({ code: 'json_limit' });
      }),
    );
  });

  it('stops at the first limit that is passed', () => {
    const text = `[${'1,'.repeat(20_000_000)}1]`;
    const charAt = jest.spyOn(String.prototype, 'indexOf');
    expect(checkJson(text, DEFAULT_JSON_LIMITS)).toMatchObject({ code: 'batch_limit' });
    expect(charAt).not.toHaveBeenCalled();
    expect(checkJson('['.repeat(20_000_000), DEFAULT_JSON_LIMITS)).toMatchObject({ code: 'json_limit' });
  });
});
