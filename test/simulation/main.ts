import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import type { BatchResult } from './batch';
import { searchAll } from './exhaustive/search-all';
import { missingEvents, struckCallFaults } from './expected-events';
import { describeFailure } from './failure-report';
import { planHistory } from './plan-history';
import { runHistory } from './run-history';
import { dealOut, freshSeeds, numberedSeeds, type SeedChoice } from './seeds';
import type { ThreadMessage } from './simulation-thread';
import { STRUCK, Tally } from './tally';

const HELP = `npm run simulate -- [options]: the orchestrator under seeded faults, in simulated time

  --histories N       first the seeds that once failed (ONCE_FAILED in test/simulation/seeds.ts), then N fresh ones
  --seeds-from TEXT   what the fresh seeds derive from, such as a commit or a day: seed i is the first 32 bits of
                      SHA-256 of "TEXT:i". The same text gives the same seeds; needed with --histories
  --seeds N           instead of those, the seeds 1 to N (default 10000)
  --from S            with --seeds: the first seed (default 1)
  --threads T         how many at once (default: one per core)
  --seed S            repeat one history and print it; a broken one is shrunk first
  --exhaustive        instead of histories, every way that one run with two workers can go
  --help              this text

Ends with exit code 1 when a history breaks an invariant, or a way leads to something forbidden or to no end. A broken
history is printed with the command that repeats it; its seed then belongs into ONCE_FAILED, with what it found.`;

/** Between two words about how far it is; in a log that is read later, fewer of them. */
const SAY_EVERY_MS = process.stdout.isTTY ? 2_000 : 20_000;

/** @returns the exit code */
export async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      histories: { type: 'string' },
      'seeds-from': { type: 'string' },
      seeds: { type: 'string', default: '10000' },
      from: { type: 'string', default: '1' },
      threads: { type: 'string', default: String(availableParallelism()) },
      seed: { type: 'string' },
      exhaustive: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return say([HELP], 0);
  if (values.exhaustive) return searchAll((line) => console.log(line));
  if (values.seed !== undefined) return replay(count('seed', values.seed));
  const threads = count('threads', values.threads);
  if (values.histories === undefined && values['seeds-from'] === undefined)
    return simulate(numberedSeeds(count('seeds', values.seeds), count('from', values.from)), threads);
  if (!values.histories || !values['seeds-from']) throw new RangeError('--histories and --seeds-from need each other');
  return simulate(freshSeeds(count('histories', values.histories), values['seeds-from']), threads);
}

function count(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`--${name} ${text}: a whole number is needed`);
  return value;
}

async function replay(seed: number): Promise<number> {
  const plan = planHistory(seed);
  const { violations, timeline, fingerprint } = await runHistory(plan, true);
  if (violations.length > 0) return say(await describeFailure(plan), 1);
  return say([...timeline, '', `seed ${seed}: no invariant is broken (fingerprint ${fingerprint})`], 0);
}

async function simulate({ seeds, words: chosen }: SeedChoice, threads: number): Promise<number> {
  const startedAt = performance.now();
  let done = 0;
  const words = (): string => {
    const perSecond = (done / (performance.now() - startedAt)) * 1_000;
    return `${done.toLocaleString('en')} of ${seeds.length.toLocaleString('en')} histories, ${perSecond.toFixed(0)} a second`;
  };
  console.log(`playing ${chosen}`);
  const ticker = setInterval(() => console.log(`${words()}, 0 violations`), SAY_EVERY_MS);
  const parts = dealOut(seeds, Math.max(1, Math.min(threads, seeds.length)));
  const results = await inThreads(parts, (more) => (done += more));
  clearInterval(ticker);
  const failing = results.flatMap(({ failingSeed }) => failingSeed ?? [])[0];
  if (failing !== undefined) {
    console.log(`${words()}: seed ${failing} breaks an invariant; looking for the shortest way there`);
    return say(await describeFailure(planHistory(failing)), 1);
  }
  const tally = new Tally();
  for (const { counts } of results) tally.merge(counts);
  return account(`${words()}, ${chosen}`, seeds.length, tally.counts);
}

function account(words: string, histories: number, counts: Readonly<Record<string, number>>): number {
  const lines = Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1));
  const shown = lines.filter(([what]) => !what.startsWith(STRUCK));
  console.log(shown.map(([what, times]) => `  ${what}: ${times.toLocaleString('en')}`).join('\n'));
  console.log(`  kinds of faults in calls, by call: ${struckCallFaults(counts)}`);
  const missing = missingEvents(histories, counts);
  if (missing.length > 0)
    return say([`these never happened, so nothing is proved about them: ${missing.join(', ')}`], 1);
  return say([`${words}: 0 violations`], 0);
}

/** Each thread plays its part. */
function inThreads(parts: readonly (readonly number[])[], onDone: (more: number) => void): Promise<BatchResult[]> {
  const all = parts.map((workerData) => new Worker(join(__dirname, 'simulation-thread.js'), { workerData }));
  const stopAll = (): void => all.forEach((thread) => void thread.terminate());
  return new Promise((resolve, reject) => {
    const results: BatchResult[] = [];
    for (const thread of all) {
      thread.on('error', (error) => (stopAll(), reject(error)));
      thread.on('message', (message: ThreadMessage) => {
        if ('done' in message) return onDone(message.done);
        results.push(message.result);
        if (message.result.failingSeed === null && results.length < all.length) return;
        stopAll();
        resolve(results);
      });
    }
  });
}

function say(lines: readonly string[], exitCode: number): number {
  console.log(lines.join('\n'));
  return exitCode;
}
