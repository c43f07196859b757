// npm test: everything that must hold, in a fresh clone. Plain Node, because it runs before the first installation.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBuilt } from './lib/ensure-built.mjs';
import { ensureInstalled } from './lib/ensure-installed.mjs';
import { addTallies, readJestTally, summaryLine } from './lib/jest-tally.mjs';
import { projectFolder, SetupError } from './lib/project.mjs';

const STAGE_LIMIT_MS = 15 * 60_000;
const KILL_AFTER_MS = 10_000;
/** Of a stage that cannot run on this machine, as Automake has it. */
const EXIT_CODE_SKIPPED = 77;
const hasGroups = process.platform !== 'win32';

const checks = [
  ['Format', 'format:check'],
  ['Lint', 'lint'],
  ['Types', 'typecheck'],
  ['Dependency rules', 'deps'],
  ['Unused code', 'unused'],
];
const suites = [
  ['Unit tests', 'unit'],
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
/** The script of the stage that runs now. */
let running = null;
process.exitCode = await main();

async function main() {
  try {
    await ensureInstalled({ log: say });
    const built = await check('Build', build);
    await requireEngine();
    const tallies = [built];
    for (const [title, script] of checks) tallies.push(await check(title, () => npmRun(script)));
    tallies.push(await check('Simulator (10,000 seeded histories)', () => npmRun('test:simulation')));
    for (const [title, project] of suites) tallies.push(await suite(title, project));
    tallies.push(await chaos());
    return finish(addTallies(tallies));
  } catch (error) {
    console.error(error instanceof SetupError ? error.message : error);
    return finish({ passed: 0, failed: 1, skipped: 0 });
  }
}

/** Ends the stage that runs, so that what it started is stopped too, and then this process. */
function stopAll(exitCode) {
  const end = () => process.exit(exitCode);
  if (running === null) return end();
  running.once('close', end);
  signalAll(running, 'SIGTERM');
  setTimeout(end, KILL_AFTER_MS).unref();
}

function finish(tally) {
  console.log(`\n${summaryLine(tally)}`);
  return tally.failed === 0 && tally.passed > 0 ? 0 : 1;
}

async function build() {
  try {
    await ensureBuilt({ log: say });
    return true;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(error.message);
    return false;
  }
}

/** Says at once, not after ten minutes of other tests, that the engine which was asked for is missing. */
async function requireEngine() {
  const search = join(projectFolder, 'dist/libs/local-services/docker-engine.js');
  if (process.env.CREWTAB_REQUIRE_DOCKER !== '1' || !existsSync(search)) return;
  const { findDockerEngine } = createRequire(import.meta.url)(search);
  const engine = await findDockerEngine(process.env);
  if (!engine.isReachable)
    throw new SetupError(`CREWTAB_REQUIRE_DOCKER=1, and no Docker engine answers: ${engine.reason}`);
}

/** One check counts as one, however much it found. */
async function check(title, run) {
  const isPassed = await stage(title, run);
  return { passed: isPassed ? 1 : 0, failed: isPassed ? 0 : 1, skipped: 0 };
}

/** Two minutes of faults. Without any container engine there is nothing to harm, and it counts as skipped. */
async function chaos() {
  let exitCode = 1;
  const tally = await check('Chaos (two minutes of faults, then all invariants)', async () => {
    exitCode = await npmExitCode('test:chaos');
    return exitCode === 0 || exitCode === EXIT_CODE_SKIPPED;
  });
  return exitCode === EXIT_CODE_SKIPPED ? { passed: 0, failed: 0, skipped: 1 } : tally;
}

async function suite(title, project) {
  const report = join(reports, `${project}.json`);
  const isPassed = await stage(title, () => npmRun(`test:${project}`, ['--json', `--outputFile=${report}`]));
  return readJestTally(report, isPassed);
}

async function stage(title, run) {
  console.log(`\n── ${title} ${'─'.repeat(Math.max(3, 70 - title.length))}`);
  const startedAt = Date.now();
  const isPassed = await run();
  console.log(`── ${title}: ${isPassed ? 'passed' : 'FAILED'} in ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
  return isPassed;
}

async function npmRun(script, args = []) {
  return (await npmExitCode(script, args)) === 0;
}

/** Runs a script of package.json, its output going straight to the terminal, for at most a quarter of an hour. */
function npmExitCode(script, args = []) {
  const npm = process.env.npm_execpath;
  const [command, first] = npm?.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []];
  const options = ['run', '--silent', script, ...(args.length > 0 ? ['--', ...args] : [])];
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...first, ...options], {
      cwd: projectFolder,
      // Jest's --json also prints the report: it is read from its file.
      stdio: ['ignore', args.length > 0 ? 'ignore' : 'inherit', 'inherit'],
      shell: process.platform === 'win32' && command === 'npm',
      detached: hasGroups,
    });
    const limit = setTimeout(() => {
      console.error(`${script} did not end within ${STAGE_LIMIT_MS / 60_000} minutes: stopping it`);
      signalAll(child, 'SIGTERM');
      setTimeout(() => signalAll(child, 'SIGKILL'), KILL_AFTER_MS).unref();
    }, STAGE_LIMIT_MS);
    running = child;
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(limit);
      running = null;
      resolve(code);
    });
  });
}

/** npm passes signals on to its shell only: a stage is a process group, so that all of it hears. */
function signalAll(child, signal) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  if (hasGroups) process.kill(-child.pid, signal);
  else child.kill(signal);
}

function say(line) {
  console.log(line);
}
