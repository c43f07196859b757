import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const folder = mkdtempSync(join(tmpdir(), 'jest-tally-'));
const good = {
  success: true,
  numPassedTests: 7,
  numFailedTests: 0,
  numPendingTests: 2,
  numTodoTests: 1,
  numRuntimeErrorTestSuites: 0,
};

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The module is what runs before the first installation, so it is asked in a plain Node of its own. */
function tallyOf(report: object | string | null, isPassed: boolean): Tally {
  const path = join(folder, 'report.json');
  if (report === null) rmSync(path, { force: true });
  else writeFileSync(path, typeof report === 'string' ? report : JSON.stringify(report));
  const module = pathToFileURL(join(__dirname, 'jest-tally.mjs')).href;
  const script = `import { readJestTally } from ${JSON.stringify(module)};
    console.log(JSON.stringify(readJestTally(${JSON.stringify(path)}, ${isPassed})));`;
  const answer = execFileSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' });
  return JSON.parse(answer) as Tally;
}

describe('readJestTally', () => {
  it.each<[string, object | string | null, boolean, Tally]>([
    ['what passed, and what was skipped or is still to do', good, true, { passed: 7, failed: 0, skipped: 3 }],
    ['each failed test', { ...good, success: false, numFailedTests: 2 }, false, { passed: 7, failed: 2, skipped: 3 }],
    [
      'a file that could not be loaded',
      { ...good, success: false, numRuntimeErrorTestSuites: 1 },
      false,
      { passed: 7, failed: 1, skipped: 3 },
    ],
    ['a failure outside of any test, such as a global teardown', good, false, { passed: 7, failed: 1, skipped: 3 }],
    [
      'a report that says no to an exit code that says yes',
      { ...good, success: false },
      true,
      { passed: 7, failed: 1, skipped: 3 },
    ],
    [
      'no tests at all',
      { ...good, numPassedTests: 0, numPendingTests: 0, numTodoTests: 0 },
      true,
      { passed: 0, failed: 1, skipped: 0 },
    ],
    ['no report', null, true, { passed: 0, failed: 1, skipped: 0 }],
    ['half a report', '{"success": true, "numPass', true, { passed: 0, failed: 1, skipped: 0 }],
  ])('counts %s', (_what, report, isPassed, expected) => {
    expect(tallyOf(report, isPassed)).toEqual(expected);
  });
});
