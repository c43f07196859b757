// `npm run walk`: how many product files one run passes, from its due instant to its receipt.
//
// Method. An installation of the e2e kit (a scheduler and a worker as processes, the demo agent on Docker) runs with
// NODE_V8_COVERAGE; SIGUSR2 makes either process write how often each function ran since the last time. A schedule is
// made and left alone for three idle windows; then the window of its first run is taken, from just before the due
// instant to the worker's line about the receipt. A function counts when it ran more often in the run's window than in
// any idle window, so loops that turn by themselves (heartbeats, renewals, sweeps) do not count for that. A file
// counts when one of its functions does. Loading a file does not count, nor do the getters that the compiler makes of
// its exports; programs in the containers are not measured. Loops fall into the window by chance: expect a file more or less.
//
// `--list` prints each file with the functions that made it count.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ensureBuilt } from './lib/ensure-built.mjs';
import { ensureInstalled } from './lib/ensure-installed.mjs';
import { projectFolder, SetupError } from './lib/project.mjs';

const IDLE_WINDOWS = 3;
/** Longer than any loop's pause, so that every loop turns in every window, ms. */
const IDLE_MS = 12_000;
/** Before the due instant, ms. */
const LEAD_MS = 1_500;
const MINUTE_MS = 60_000;
/** The most files that issue 12 allows. */
const AIM = 45;

/** Loaded before either app. */
const TAKE_ON_SIGNAL = `data:text/javascript,${encodeURIComponent(
  "import v8 from 'node:v8'; process.on('SIGUSR2', () => v8.takeCoverage());",
)}`;

const log = (line) => console.log(`· ${line}`);
try {
  await ensureInstalled({ log });
  await ensureBuilt({ log });
  process.chdir(projectFolder);
  const files = await walk();
  await report(files, process.argv.includes('--list'));
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`✗ ${error.message}`);
  process.exitCode = 1;
}

async function walk() {
  process.env.CREWTAB_REQUIRE_DOCKER = '1';
  const require = createRequire(import.meta.url);
  require(join(projectFolder, 'test/support/typescript-hook.cjs'));
  const setUp = require(join(projectFolder, 'test/support/global-setup.ts')).default;
  const tearDown = require(join(projectFolder, 'test/support/global-teardown.ts')).default;
  const { Crewtab } = require(join(projectFolder, 'test/e2e/support/crewtab.ts'));
  const folder = await mkdtemp(join(tmpdir(), 'crewtab-walk-'));
  await setUp();
  try {
    const env = { NODE_V8_COVERAGE: folder, NODE_OPTIONS: `--import=${TAKE_ON_SIGNAL}` };
    const crewtab = await Crewtab.start({ schedulerEnv: env, workerEnv: env });
    try {
      return await observe(crewtab, folder);
    } finally {
      await crewtab.stop();
    }
  } finally {
    await tearDown();
    await rm(folder, { recursive: true, force: true });
  }
}

/** @returns the functions that count, by source file */
async function observe(crewtab, folder) {
  const { api } = crewtab;
  const [worker] = crewtab.workers;
  const processes = [...crewtab.schedulers, worker];
  const team = await api.createTeam({ name: 'Walkers', agents: [crewtab.leader()] });
  const needMs = IDLE_WINDOWS * IDLE_MS + 10_000;
  if (MINUTE_MS - (Date.now() % MINUTE_MS) < needMs) await delay(MINUTE_MS - (Date.now() % MINUTE_MS) + 100);
  const schedule = await api.createSchedule({ teamId: team.id, name: 'walk', prompt: 'Walk.', cron: '* * * * *' });
  const dueAt = Date.parse(schedule.nextRunAt);
  await delay(3_000);
  await takeCoverage(processes, folder);
  const idle = [];
  for (let window = 0; window < IDLE_WINDOWS; window++) {
    await delay(IDLE_MS);
    idle.push(await takeCoverage(processes, folder));
  }
  log(`${IDLE_WINDOWS} idle windows of ${IDLE_MS} ms are taken; waiting for the due instant`);
  await delay(Math.max(0, dueAt - LEAD_MS - Date.now()));
  const beganAt = Date.now();
  await takeCoverage(processes, folder);
  await worker.waitForLine(/"receipt"/);
  const windowMs = Date.now() - beganAt;
  const run = await takeCoverage(processes, folder);
  log(`the run's window took ${windowMs} ms`);
  if (windowMs > IDLE_MS) log('longer than an idle window: loops may count; walk again on a quieter machine');
  const [ended] = await api.runsOf(schedule.id);
  if (ended?.status !== 'success') throw new SetupError(`the run ended as ${ended?.status}, ${ended?.error?.message}`);
  return subtract(run, idle);
}

/** Calls of each function since the last time, by `file` and function, over all processes. */
async function takeCoverage(processes, folder) {
  for (const one of processes) one.kill('SIGUSR2');
  const reports = [];
  for (const { pid } of processes) reports.push(await nextReport(folder, pid));
  const calls = new Map();
  for (const { result } of reports) for (const script of result) await countCalls(script, calls);
  return calls;
}

async function nextReport(folder, pid) {
  for (let attempt = 0; attempt < 300; attempt++) {
    const name = (await readdir(folder)).find((file) => file.startsWith(`coverage-${pid}-`));
    const report =
      name &&
      (await readFile(join(folder, name), 'utf8')
        .then(JSON.parse)
        .catch(() => null));
    if (report) {
      await rm(join(folder, name));
      return report;
    }
    await delay(100);
  }
  throw new SetupError(`process ${pid} wrote no coverage`);
}

async function countCalls({ url, functions }, calls) {
  const file = url.startsWith('file:') ? relative(projectFolder, fileURLToPath(url)) : '';
  if (!/^dist\/(apps|libs|images)\//.test(file) || file.includes('/generated/')) return;
  const code = await readFile(join(projectFolder, file), 'utf8');
  for (const { functionName, ranges } of functions) {
    const [{ startOffset, endOffset, count }] = ranges;
    const isModule = startOffset === 0;
    const isExportGetter = /^get (\w+)\s*\(\)\s*\{\s*return \1;\s*\}$/.test(code.slice(startOffset, endOffset));
    if (count === 0 || isModule || isExportGetter) continue;
    const source = file.replace(/^dist\//, '').replace(/\.js$/, '.ts');
    const key = `${source}\t${startOffset}\t${functionName || '(anonymous)'}`;
    calls.set(key, (calls.get(key) ?? 0) + count);
  }
}

function subtract(run, idle) {
  const files = new Map();
  for (const [key, count] of run) {
    const [file, , name] = key.split('\t');
    if (count <= Math.max(...idle.map((calls) => calls.get(key) ?? 0))) continue;
    files.set(file, [...(files.get(file) ?? []), `${name} ${count}`]);
  }
  return files;
}

async function report(files, isList) {
  let sum = 0;
  for (const file of [...files.keys()].sort()) {
    const lines = (await readFile(join(projectFolder, file), 'utf8')).split('\n').length - 1;
    sum += lines;
    console.log(`${String(lines).padStart(5)}  ${file}${isList ? `  (${files.get(file).join(', ')})` : ''}`);
  }
  console.log(`\n${files.size} files (aim: at most ${AIM}), ${sum} lines, from due instant to receipt`);
}
