import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findCode, findDeclarations } from './find-code';
import { MUTANTS } from './mutants';
import { plantEdit } from './plant-edit';
import { toJestVerdict, toSimulatorVerdict } from './run-layer';

const project = join(__dirname, '../..');

describe('the planted mutants', () => {
  it('are many, each with a name of its own', () => {
    expect(MUTANTS.length).toBeGreaterThanOrEqual(15);
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
  });

  it.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))(
    '%s still fits the code',
    async (_, { edits, caughtBy }) => {
      const edited = new Map<string, string>();
      for (const edit of edits) {
        const { file, source } = await plantEdit(project, edit, edited);
        expect(source).toContain(edit.replace);
        edited.set(file, source);
      }
      if ('specs' in caughtBy) expect(existsSync(join(project, caughtBy.specs))).toBe(true);
    },
  );
});

describe('code that is looked for', () => {
  const lineOf = (source: string, code: string): string[] =>
    findCode(source, code).map(({ from, to }) => source.slice(from, to));

  it.each([
    ['laid out anew', 'a(b, c);', 'x;\na(\n  b,\n  c,\n);', 'a(\n  b,\n  c,\n);'],
    ['with a comment between', 'a + b', 'a + /* why */ b', 'a + /* why */ b'],
    ['with other quotes', "say('it')", 'say("it")', 'say("it")'],
    [
      'in a statement of SQL',
      'WHERE id = $1 AND',
      '`UPDATE t\n   WHERE id = $1\n     AND epoch = ${e}`',
      'WHERE id = $1\n     AND',
    ],
  ])('is found %s', (_, code, source, found) => expect(lineOf(source, code)).toEqual([found]));

  it.each([
    ['a longer name', 'run', 'runs'],
    ['another operator', 'a > b', 'a >= b'],
    ['another string', "'failed'", "'failing'"],
  ])('is not found in %s', (_, code, source) => expect(lineOf(source, code)).toEqual([]));

  it('is found as often as it stands there', () => expect(lineOf('b a b', 'b')).toHaveLength(2));

  it('can be asked for inside of one declaration', () => {
    const source = 'class One { go() { return 1; } }\nfunction stop() { return 1; }';
    expect(findDeclarations(source, 'go').map(({ from, to }) => source.slice(from, to))).toEqual([
      'go() { return 1; }',
    ]);
  });
});

describe('an edit', () => {
  const edit = { within: 'test/mutants/mutant.ts', search: 'needsBuild', replace: 'x' };

  it.each([
    ['no place', { ...edit, search: 'nothing of the kind' }, 'found 0 times'],
    ['several places', edit, 'found 2 times'],
    ['no effect', { ...edit, inside: 'COMPILED', search: 'Set(', replace: 'Set(' }, 'changes nothing'],
  ])('with %s is refused', async (_, wrong, message) => {
    await expect(plantEdit(project, wrong)).rejects.toThrow(message);
  });

  it('changes one place, and takes nothing in it for a pattern', async () => {
    const planted = await plantEdit(project, { ...edit, search: 'COMPILED.has', replace: '$& $$' });
    expect(planted.file).toBe(edit.within);
    expect(planted.source).toContain('return $& $$(caughtBy.layer);');
  });
});

describe('the verdict on a run of Jest', () => {
  const report = (passed: number, ...testResults: unknown[]): string =>
    JSON.stringify({ numPassedTests: passed, testResults });
  const test = (status: string, fullName: string): unknown => ({ status, fullName });

  it('is the first test that failed', () => {
    const suite = { message: 'x', assertionResults: [test('passed', 'a'), test('failed', 'b')] };
    expect(toJestVerdict(report(1, suite), '')).toEqual({ kind: 'failed', test: 'b' });
  });

  it('is no merit of the tests when they could not be loaded, were none, or did not end', () => {
    expect(toJestVerdict(report(0, { message: 'syntax', assertionResults: [] }), '')).toEqual({
      kind: 'broken',
      words: 'syntax',
    });
    expect(toJestVerdict(report(0, { message: '', assertionResults: [test('pending', 'a')] }), '')).toMatchObject({
      kind: 'broken',
    });
    expect(toJestVerdict(null, 'killed')).toMatchObject({ kind: 'broken', words: expect.stringContaining('killed') });
  });

  it('is passed when all tests passed', () => {
    expect(toJestVerdict(report(1, { message: '', assertionResults: [test('passed', 'a')] }), '')).toEqual({
      kind: 'passed',
    });
  });
});

describe('the verdict on a run of the simulator', () => {
  it('is the invariant that is broken', () => {
    const output = 'seed 7 breaks I5: …\n\nBROKEN I5 at 3.100 s: two prompts\n  An agent team gets …';
    expect(toSimulatorVerdict({ code: 1, output })).toEqual({ kind: 'failed', test: 'I5 at 3.100 s: two prompts' });
  });

  it('is no merit of the simulator when it could not be run', () => {
    expect(toSimulatorVerdict({ code: 1, output: 'it does not build' })).toMatchObject({ kind: 'broken' });
    expect(toSimulatorVerdict({ code: null, output: '' })).toMatchObject({ kind: 'broken' });
    expect(toSimulatorVerdict({ code: 0, output: '0 violations' })).toEqual({ kind: 'passed' });
  });
});
