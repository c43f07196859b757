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
import type { ThreadMessage } from './simulation-thread';
import { STRUCK, Tally } from './tally';

const HELP = `npm run simulate -- [options]: the engine under seeded faults, in simulated time

  --seeds N     how many histories (default 10000)
  --from S      the first seed (default 1)
  --threads T   how many at once (default: one per core)
  --seed S      live through one history and print it; a broken one is shrunk first
  --exhaustive  instead of histories, every way that one run with two workers can go
  --help        this text

Ends with exit code 1 when a history breaks an invariant, or a way leads to something forbidden or to no end.`;

/** Between two words about how far it is; in a log that somebody reads later, fewer of them. */
const SAY_EVERY_MS = process.stdout.isTTY ? 2_000 : 20_000;

/** @returns the exit code */
export async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
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
  return simulate(count('seeds', values.seeds), count('from', values.from), count('threads', values.threads));
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

async function simulate(seeds: number, from: number, threads: number): Promise<number> {
  const startedAt = performance.now();
  let done = 0;
  const words = (): string => {
    const perSecond = (done / (performance.now() - startedAt)) * 1_000;
    return `${done.toLocaleString('en')} of ${seeds.toLocaleString('en')} histories, ${perSecond.toFixed(0)} a second`;
  };
  const ticker = setInterval(() => console.log(`${words()}, 0 violations`), SAY_EVERY_MS);
  const results = await inThreads(seeds, from, Math.max(1, Math.min(threads, seeds)), (more) => (done += more));
  clearInterval(ticker);
  const failing = results.flatMap(({ failingSeed }) => failingSeed ?? []).sort((a, b) => a - b)[0];
  if (failing !== undefined) {
    console.log(`${words()}: seed ${failing} breaks an invariant; looking for the shortest way there`);
    return say(await describeFailure(planHistory(failing)), 1);
  }
  const tally = new Tally();
  for (const { counts } of results) tally.merge(counts);
  return account(words(), seeds, from, tally.counts);
}

function account(words: string, seeds: number, from: number, counts: Readonly<Record<string, number>>): number {
  const lines = Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1));
  const shown = lines.filter(([what]) => !what.startsWith(STRUCK));
  console.log(shown.map(([what, times]) => `  ${what}: ${times.toLocaleString('en')}`).join('\n'));
  console.log(`  kinds of faults in calls, by call: ${struckCallFaults(counts)}`);
  const missing = missingEvents(seeds, counts);
  if (missing.length > 0)
    return say([`these never happened, so nothing is proved about them: ${missing.join(', ')}`], 1);
  return say([`${words}, seeds ${from} to ${from + seeds - 1}: 0 violations`], 0);
}

/** Each thread takes every so many-th seed, so that the first broken one is found early. */
function inThreads(
  seeds: number,
  from: number,
  threads: number,
  onDone: (more: number) => void,
): Promise<BatchResult[]> {
  const all = Array.from({ length: threads }, (_, index) => {
    const range = { from: from + index, step: threads, count: Math.ceil((seeds - index) / threads) };
    return new Worker(join(__dirname, 'simulation-thread.js'), { workerData: range });
  });
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
