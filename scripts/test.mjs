// npm test: everything that must hold, in a fresh clone. Plain Node, because it runs before the first installation.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBuilt } from './lib/ensure-built.mjs';
import { ensureInstalled } from './lib/ensure-installed.mjs';
import { describeFailures, readJestFailures } from './lib/jest-failures.mjs';
import { addTallies, readJestTally, summaryLine } from './lib/jest-tally.mjs';
import { projectFolder, SetupError } from './lib/project.mjs';
import { StageOutput } from './lib/stage-output.mjs';

// The crash sweep takes 20 min on two cores, and 40 on two slow ones.
const STAGE_LIMIT_MS = 70 * 60_000;
const KILL_AFTER_MS = 10_000;
/** Of a stage that cannot run on this machine, as Automake has it. */
const EXIT_CODE_SKIPPED = 77;
const hasGroups = process.platform !== 'win32';

const checks = [
  ['Format', 'format:check'],
  ['Types', 'typecheck'],
  ['Dependency rules', 'deps'],
  ['Unused code', 'unused'],
];
const suites = [
  ['Integration tests (real Postgres, Redis, Docker)', 'integration'],
  ['End-to-end tests (the real apps as processes)', 'e2e'],
];

const reports = mkdtempSync(join(tmpdir(), 'crewtab-test-'));
process.on('exit', () => rmSync(reports, { recursive: true, force: true }));
for (const [signal, exitCode] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
]) {
  process.once(signal, () => stopAll(exitCode));
}
/** The scripts that run now. */
const running = new Set();
/** Single tests, and whole stages that say no more. */
const failures = [];
process.exitCode = await main();

async function main() {
  try {
    await ensureInstalled({ log: say });
    const built = await check('Build', build);
    await requireEngine();
    const tallies = [built];
    const lint = checkBeside('Lint', 'lint');
    for (const [title, script] of checks) tallies.push(await check(title, (output) => npmRun(script, output)));
    tallies.push(await lint());
    tallies.push(await check('Simulator (10,000 seeded histories)', (output) => npmRun('test:simulation', output)));
    tallies.push(await suite('Unit tests', 'unit'));
    const sweep = suiteBeside('Crash sweep (SIGKILL and SIGSTOP at every point)', 'crash');
    for (const [title, project] of suites) tallies.push(await suite(title, project));
    tallies.push(await chaos(), await sweep());
    return finish(addTallies(tallies));
  } catch (error) {
    console.error(error instanceof SetupError ? error.message : error);
    return finish({ passed: 0, failed: 1, skipped: 0 });
  }
}

/** Ends the stage that runs, so that what it started is stopped too, and then this process. */
function stopAll(exitCode) {
  const ended = [...running].map((child) => new Promise((resolve) => child.once('close', resolve)));
  for (const child of running) signalAll(child, 'SIGTERM');
  void Promise.all(ended).then(() => process.exit(exitCode));
  setTimeout(() => process.exit(exitCode), KILL_AFTER_MS).unref();
}

function finish(tally) {
  if (failures.length > 0) console.log(`\nFailed:\n${describeFailures(failures)}`);
  console.log(`\n${summaryLine(tally)}`);
  return tally.failed === 0 && tally.passed > 0 ? 0 : 1;
}

async function build(output) {
  try {
    await ensureBuilt({ log: say });
    return true;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(error.message);
    output.add(error.message);
    return false;
  }
}

/** Says at once, not after ten minutes of other tests, that the engine which was asked for is missing. */
async function requireEngine() {
  const search = join(projectFolder, 'dist/libs/launcher/docker-engine.js');
  if (process.env.CREWTAB_REQUIRE_DOCKER !== '1' || !existsSync(search)) return;
  const { findDockerEngine } = createRequire(import.meta.url)(search);
  const engine = await findDockerEngine(process.env);
  if (!engine.isReachable)
    throw new SetupError(`CREWTAB_REQUIRE_DOCKER=1, and no Docker engine answers: ${engine.reason}`);
}

/** One check counts as one, however much it found. `run` is given what remembers its output. */
async function check(title, run) {
  const output = new StageOutput();
  return tallyOfOne(title, await stage(title, () => run(output)), output);
}

function tallyOfOne(title, isPassed, output) {
  if (!isPassed) failures.push({ title, message: output.tellingLines.join('\n') });
  return { passed: isPassed ? 1 : 0, failed: isPassed ? 0 : 1, skipped: 0 };
}

/** Two minutes of faults. Without any container engine there is nothing to harm, and it counts as skipped. */
async function chaos() {
  let exitCode = 1;
  const tally = await check('Chaos (two minutes of faults, then all invariants)', async (output) => {
    exitCode = await npmExitCode('test:chaos', { output });
    return exitCode === 0 || exitCode === EXIT_CODE_SKIPPED;
  });
  return exitCode === EXIT_CODE_SKIPPED ? { passed: 0, failed: 0, skipped: 1 } : tally;
}

async function suite(title, project) {
  const report = join(reports, `${project}.json`);
  const isPassed = await stage(title, () => runSuite(project, report));
  return tallyOfSuite(title, report, isPassed);
}

function tallyOfSuite(title, report, isPassed) {
  const tally = readJestTally(report, isPassed);
  const failed = readJestFailures(report);
  if (tally.failed > 0 && failed.length === 0) failures.push({ title, message: '' });
  failures.push(...failed);
  return tally;
}

/**
 * Starts a suite that takes what the others leave of the machine: they mostly wait, and it needs every core.
 * @returns waits for its end
 */
function suiteBeside(title, project) {
  const report = join(reports, `${project}.json`);
  const output = new StageOutput({ isHeldBack: true });
  const ended = beside(title, () => runSuite(project, report, { output, niceness: 10 }), output);
  return async () => tallyOfSuite(title, report, await ended());
}

/** As `check`. @returns waits for its end */
function checkBeside(title, script) {
  const output = new StageOutput({ isHeldBack: true });
  const ended = beside(title, () => npmRun(script, output), output);
  return async () => tallyOfOne(title, await ended(), output);
}

/** Starts a stage. @returns waits for its end, then shows what it said; true if it went well */
function beside(title, run, output) {
  const startedAt = Date.now();
  const ended = run();
  const show = async () => {
    const isPassed = await ended;
    output.release();
    return isPassed;
  };
  return () => stage(title, show, startedAt);
}

async function stage(title, run, startedAt = Date.now()) {
  console.log(`\n── ${title} ${'─'.repeat(Math.max(3, 70 - title.length))}`);
  const isPassed = await run();
  console.log(`── ${title}: ${isPassed ? 'passed' : 'FAILED'} in ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
  return isPassed;
}

/** Jest's --json also prints the report: it is read from its file. */
async function runSuite(project, report, options = {}) {
  const args = ['--json', `--outputFile=${report}`];
  return (await npmExitCode(`test:${project}`, { args, isStdoutShown: false, ...options })) === 0;
}

async function npmRun(script, output) {
  return (await npmExitCode(script, { output })) === 0;
}

/** Runs a script of package.json for at most STAGE_LIMIT_MS. `output`: who watches what it says, else the terminal. */
function npmExitCode(script, { args = [], output = null, isStdoutShown = true, niceness = 0 }) {
  const npm = process.env.npm_execpath;
  const [command, first] = npm?.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []];
  const options = ['run', '--silent', script, ...(args.length > 0 ? ['--', ...args] : [])];
  const target = output === null ? 'inherit' : 'pipe';
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...first, ...options], {
      cwd: projectFolder,
      stdio: ['ignore', isStdoutShown ? target : 'ignore', target],
      shell: process.platform === 'win32' && command === 'npm',
      detached: hasGroups,
    });
    if (niceness !== 0 && child.pid) setPriority(child.pid, niceness);
    output?.watch(child);
    const limit = setTimeout(() => {
      console.error(`${script} did not end within ${STAGE_LIMIT_MS / 60_000} minutes: stopping it`);
      signalAll(child, 'SIGTERM');
      setTimeout(() => signalAll(child, 'SIGKILL'), KILL_AFTER_MS).unref();
    }, STAGE_LIMIT_MS);
    running.add(child);
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(limit);
      running.delete(child);
      resolve(code);
    });
  });
}

/** npm passes signals on to its shell only: a stage is a process group, so that all of it hears. */
function signalAll(child, signal) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  if (!hasGroups) return void child.kill(signal);
  process.kill(-child.pid, signal);
  // The crash sweep and chaos stop processes: a stopped one would hear a signal only when it goes on.
  if (signal === 'SIGTERM') process.kill(-child.pid, 'SIGCONT');
}

function say(line) {
  console.log(line);
}
