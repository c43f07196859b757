import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const folder = mkdtempSync(join(tmpdir(), 'jest-failures-'));
const file = resolve(__dirname, '../../libs/domain/some.spec.ts');

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** As in jest-tally.spec.ts: in a plain Node of its own. */
function describeFailuresOf(report: object | string | null): string {
  const path = join(folder, 'report.json');
  if (report === null) rmSync(path, { force: true });
  else writeFileSync(path, typeof report === 'string' ? report : JSON.stringify(report));
  const module = pathToFileURL(join(__dirname, 'jest-failures.mjs')).href;
  const script = `import { describeFailures, readJestFailures } from ${JSON.stringify(module)};
    console.log(describeFailures(readJestFailures(${JSON.stringify(path)})));`;
  return execFileSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' }).trimEnd();
}

describe('the failures at the end of a test run', () => {
  it('names each failed test and what it said first, without colours and stacks', () => {
    const assertionResults = [
      { status: 'passed', fullName: 'one', failureMessages: [] },
      {
        status: 'failed',
        fullName: 'two › holds',
        failureMessages: ['\u001b[31mexpected 1\u001b[39m\n\n    at look (some.spec.ts:1:2)\nnot 2'],
      },
    ];
    expect(describeFailuresOf({ testResults: [{ name: file, status: 'failed', message: '', assertionResults }] })).toBe(
      ['  libs/domain/some.spec.ts › two › holds', '    expected 1', '    not 2'].join('\n'),
    );
  });

  it('names a file that could not be loaded', () => {
    const testResults = [{ name: file, status: 'failed', message: 'no such module', assertionResults: [] }];
    expect(describeFailuresOf({ testResults })).toBe('  libs/domain/some.spec.ts\n    no such module');
  });

  it('says how many more there are than it shows', () => {
    const failed = { status: 'failed', fullName: 'it', failureMessages: ['no'] };
    const assertionResults = Array.from({ length: 25 }, () => failed);
    const shown = describeFailuresOf({
      testResults: [{ name: file, status: 'failed', message: '', assertionResults }],
    });
    expect(shown.split('\n')).toHaveLength(41);
    expect(shown).toMatch(/and 5 more$/);
  });

  it.each([
    ['no report', null],
    ['half a report', '{"testResults": [{'],
  ])('has nothing to say about %s', (_, report) => {
    expect(describeFailuresOf(report)).toBe('');
  });
});
