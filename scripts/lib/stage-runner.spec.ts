import { askModule } from './spec-support';

interface Ran {
  readonly results: readonly { readonly title: string; readonly outcome: string; readonly lines: readonly string[] }[];
  readonly late: readonly { readonly title: string }[];
  readonly exitCode: number;
  readonly printed: readonly string[];
}

const HELP = { title: 'help', script: 'proof', args: ['--help'] };
const WRONG = { title: 'wrong', script: 'proof', args: ['--only', 'nothing'] };

/** Runs stages of this project's own scripts, and adds a number of skipped ones. */
function run(stages: readonly object[], limitMs = 60_000): Ran {
  return askModule(
    'lib/stage-runner.mjs',
    `(async () => {
      const [results, printed, { log }] = [[], [], console];
      console.log = (line) => printed.push(line);
      const runner = new StageRunner();
      runner.expect(input.stages.length);
      const onResult = ({ title }, { outcome, lines }) => results.push({ title, outcome, lines });
      const late = await runner.runAll(input.stages, { onResult, limitMs: input.limitMs });
      runner.addSkipped(3);
      const exitCode = runner.finish();
      console.log = log;
      return { results, late, exitCode, printed };
    })()`,
    { stages, limitMs },
  );
}

describe('a run of stages', () => {
  it('says which one runs, and ends with the sums', () => {
    const { results, exitCode, printed } = run([HELP]);
    expect(results).toMatchObject([{ title: 'help', outcome: 'passed' }]);
    expect(results[0]?.lines[0]).toMatch(/^npm run proof /);
    expect(printed[0]).toMatch(/^\n── 1 of 1 · help ─+ after \d+ s$/);
    expect(printed.at(-1)).toMatch(/\n1 passed, 0 failed, 3 skipped$/);
    expect(exitCode).toBe(0);
  });

  it('goes on after a failure, shows it at the end, and fails', () => {
    const { results, exitCode, printed } = run([WRONG, HELP]);
    expect(results.map(({ outcome }) => outcome)).toEqual(['failed', 'passed']);
    expect(printed.join('\n')).toMatch(/\nFailed:\n {2}wrong\n/);
    expect(printed.at(-1)).toMatch(/\n1 passed, 1 failed, 3 skipped$/);
    expect(exitCode).toBe(1);
  });

  it('shows a stage that ran beside others after them', () => {
    const { results } = run([{ ...WRONG, isBeside: true }, HELP]);
    expect(results.map(({ title, outcome }) => [title, outcome])).toEqual([
      ['help', 'passed'],
      ['wrong', 'failed'],
    ]);
  });

  it('does not begin what would end after the limit, and does not pass with nothing played', () => {
    const { results, late, exitCode } = run([{ ...HELP, minutes: 2 }]);
    expect([results, late.map(({ title }) => title), exitCode]).toEqual([[], ['help'], 1]);
  });
});
