import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inWords } from './duration.mjs';
import { describeFailures, readJestFailures } from './jest-failures.mjs';
import { addTallies, readJestTally, summaryLine } from './jest-tally.mjs';
import { projectFolder } from './project.mjs';
import { StageOutput } from './stage-output.mjs';
import { runScript } from './stage-process.mjs';

const REPORTERS = ['--reporters=default', `--reporters=${join(projectFolder, 'scripts/lib/jest-progress.cjs')}`];
/** Of a stage that cannot run on this machine, as Automake has it. */
const EXIT_CODE_SKIPPED = 77;
const LIMIT_MINUTES = 70;
/** A stage that prints nothing for so long is said to run still. */
const SAY_EVERY_MS = 30_000;

/**
 * @typedef {object} Stage
 * @property {string} title
 * @property {string} script of package.json
 * @property {string[]} [args]
 * @property {Record<string, string>} [env]
 * @property {boolean} [isSuite] a Jest suite, of which each test counts; any other stage counts as one
 * @property {boolean} [isBeside] runs along with the stages after it, and prints at its end
 * @property {number} [niceness]
 * @property {number} [minutes] that it takes, as far as one can say
 * @property {number} [limitMinutes] longer than that is a failure
 *
 * @typedef {object} StageResult
 * @property {'passed' | 'failed' | 'skipped'} outcome
 * @property {string[]} lines what the stage printed, as far as it is kept
 * @property {number} tookMs
 * @property {{ passed: number, failed: number, skipped: number }} tally
 */

/** Runs stages, says which one runs and how far all of it is, and adds up what passed and what failed. */
export class StageRunner {
  #total = 0;
  #begun = 0;
  #startedAt = Date.now();
  #tallies = [];
  /** Single tests, and whole stages that say no more. */
  #failures = [];
  #reports = mkdtempSync(join(tmpdir(), 'crewtab-test-'));

  constructor() {
    process.on('exit', () => rmSync(this.#reports, { recursive: true, force: true }));
  }

  get elapsedMs() {
    return Date.now() - this.#startedAt;
  }

  /** So many stages will be run, as far as is known by now. */
  expect(count) {
    this.#total += count;
  }

  /**
   * Runs the stages one after the other, save those that run beside the ones after them.
   * @param {Stage[]} stages
   * @param {object} [options]
   * @param {(stage: Stage, result: StageResult) => void} [options.onResult]
   * @param {number} [options.limitMs] from the start of the runner: a stage that would end later is not begun
   * @returns {Promise<Stage[]>} those that were not begun
   */
  async runAll(stages, { onResult = () => undefined, limitMs = Infinity } = {}) {
    const [beside, late] = [[], []];
    for (const stage of stages) {
      if (this.elapsedMs + (stage.minutes ?? 0) * 60_000 > limitMs) {
        late.push(stage);
        continue;
      }
      const started = this.#start(stage);
      if (stage.isBeside) {
        beside.push({ stage, started });
        console.log(`\n── ${started.name}: runs beside the next ones`);
      } else onResult(stage, await this.#see(stage, started));
    }
    for (const { stage, started } of beside) onResult(stage, await this.#see(stage, started));
    return late;
  }

  /** Something that is no stage went wrong. */
  addFailure(title, message) {
    this.#failures.push({ title, message });
    this.#tallies.push({ passed: 0, failed: 1, skipped: 0 });
  }

  addSkipped(count) {
    this.#tallies.push({ passed: 0, failed: 0, skipped: count });
  }

  /** Prints what failed and, as the last line, the sums. @returns {number} the exit code */
  finish() {
    const tally = addTallies(this.#tallies);
    if (this.#failures.length > 0) console.log(`\nFailed:\n${describeFailures(this.#failures)}`);
    console.log(`\nTook ${inWords(this.elapsedMs)}.\n${summaryLine(tally)}`);
    return tally.failed === 0 && tally.passed > 0 ? 0 : 1;
  }

  #start(stage) {
    const name = `${++this.#begun} of ${this.#total} · ${stage.title}`;
    const startedAt = Date.now();
    const output = new StageOutput({ isHeldBack: stage.isBeside });
    if (!stage.isBeside) this.#announce(name);
    const report = stage.isSuite ? join(this.#reports, `${this.#begun}.json`) : null;
    const jestArgs = report ? ['--json', `--outputFile=${report}`, ...REPORTERS] : [];
    const ended = runScript(stage.script, {
      args: [...(stage.args ?? []), ...jestArgs],
      env: { ...(process.stdout.isTTY && { FORCE_COLOR: '1' }), ...stage.env },
      output,
      // Jest's --json also prints the report: it is read from its file.
      isStdoutShown: report === null,
      niceness: stage.niceness ?? 0,
      limitMs: (stage.limitMinutes ?? LIMIT_MINUTES) * 60_000,
    }).then((code) => ({ code, tookMs: Date.now() - startedAt }));
    return { name, startedAt, output, report, ended };
  }

  #announce(name) {
    console.log(`\n── ${name} ${'─'.repeat(Math.max(3, 60 - name.length))} after ${inWords(this.elapsedMs)}`);
  }

  /** Waits for the end of a stage and says so meanwhile. */
  async #see(stage, { name, startedAt, output, report, ended }) {
    if (stage.isBeside) this.#announce(name);
    output.release();
    const ticker = setInterval(() => {
      if (output.quietMs < SAY_EVERY_MS) return;
      console.log(`   … ${stage.title}: ${inWords(Date.now() - startedAt)}`);
    }, SAY_EVERY_MS);
    const { code, tookMs } = await ended.finally(() => clearInterval(ticker));
    const outcome = code === 0 ? 'passed' : code === EXIT_CODE_SKIPPED ? 'skipped' : 'failed';
    console.log(`── ${name}: ${outcome === 'failed' ? 'FAILED' : outcome} in ${inWords(tookMs)}`);
    const tally = report ? this.#countTests(stage, report, outcome) : this.#countOne(stage, outcome, output);
    this.#tallies.push(tally);
    return { outcome: tally.failed > 0 ? 'failed' : outcome, lines: output.lines, tookMs, tally };
  }

  #countOne({ title }, outcome, output) {
    if (outcome === 'failed') this.#failures.push({ title, message: output.tellingLines.join('\n') });
    return { passed: 0, failed: 0, skipped: 0, [outcome]: 1 };
  }

  #countTests({ title }, report, outcome) {
    const tally = readJestTally(report, outcome === 'passed');
    const failed = readJestFailures(report);
    if (tally.failed > 0 && failed.length === 0) this.#failures.push({ title, message: '' });
    this.#failures.push(...failed);
    return tally;
  }
}
