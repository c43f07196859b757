import { AjvResultChecker } from './ajv-result-checker';

const REPORT = {
  type: 'object',
  required: ['title', 'score'],
  properties: { title: { type: 'string', minLength: 1 }, score: { type: 'integer', minimum: 0 } },
  additionalProperties: false,
};

describe('the checker of results', () => {
  const checker = new AjvResultChecker();

  it('finds nothing in what is as the schema has it', async () => {
    expect(await checker.findFault(REPORT)).toBeNull();
    expect(await checker.check(REPORT, { title: 'All is well', score: 3 })).toEqual([]);
  });

  it('names what is not', async () => {
    expect(await checker.check(REPORT, { title: '', score: -1, more: 1 })).toEqual([
      'the result must NOT have additional properties ("more")',
      '/title must NOT have fewer than 1 characters',
      '/score must be >= 0',
    ]);
    expect(await checker.check(REPORT, null)).toEqual(['the result must be object']);
  });

  it.each([
    ['an unknown keyword', { type: 'object', propertees: {} }, /unknown keyword: "propertees"/],
    ['an unknown type', { type: 'record' }, /type must be/],
    ['a reference to elsewhere', { $ref: 'https://example.com/schema.json' }, /can't resolve reference/],
    ['a format, which nothing knows', { type: 'string', format: 'email' }, /unknown format "email"/],
  ])('refuses %s', async (_what, schema, words) => {
    expect(await checker.findFault(schema)).toMatch(words);
  });

  it('gives up a pattern that takes for ever, and lets others go on meanwhile', async () => {
    const quick = new AjvResultChecker(400);
    const turns: number[] = [];
    const timer = setInterval(() => turns.push(1), 20);
    const faults = await quick.check({ type: 'string', pattern: '^(a+)+$' }, `${'a'.repeat(60)}!`);
    clearInterval(timer);
    expect(faults).toEqual(['the schema takes too long to be checked']);
    expect(turns.length).toBeGreaterThan(3);
  });
});
