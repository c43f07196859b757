import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MUTANTS } from './mutants';
import { patchSource } from './patch-source';
import { toJestVerdict, toSimulatorVerdict } from './run-layer';

const project = join(__dirname, '../..');

describe('the planted mutants', () => {
  it('are many, each with a name of its own', () => {
    expect(MUTANTS.length).toBeGreaterThanOrEqual(15);
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
  });

  it.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))(
    '%s still fits the code',
    (_, { edits, caughtBy }) => {
      for (const { file, search, replace } of edits)
        expect(patchSource(readFileSync(join(project, file), 'utf8'), search, replace)).toContain(replace);
      if ('specs' in caughtBy) expect(existsSync(join(project, caughtBy.specs))).toBe(true);
    },
  );
});

describe('patchSource', () => {
  it('replaces what is there once, and takes nothing in it for a pattern', () => {
    expect(patchSource('a $1 b', '$1', '$& $$')).toBe('a $& $$ b');
  });

  it.each([
    ['none', 'abc', 'x'],
    ['two', 'abcabc', 'b'],
  ])('refuses %s', (_, source, search) => {
    expect(() => patchSource(source, search, 'y')).toThrow('instead of once');
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

  it('is a pass when all did', () => {
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
