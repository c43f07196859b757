import { randomInt } from 'node:crypto';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { SeededRandom } from '../kit/random';
import { Shutdown } from '../kit/shutdown';
import { adoption } from './adoption';
import { deadlines } from './deadlines';
import { engineKilled } from './engine-killed';
import type { Figure, FigureContext, Result } from './figure';
import { handOver } from './hand-over';
import { MeasuredInstallation } from './installation';
import { orphans } from './orphans';
import { redisEmptied } from './redis-emptied';
import { rollingRestarts } from './rolling-restarts';
import { renderTable } from './results-table';

const FIGURES: readonly Figure[] = [
  adoption,
  handOver,
  redisEmptied,
  orphans,
  deadlines,
  rollingRestarts,
  engineKilled,
];

const HELP = `npm run figures                     all of them, about half an hour
npm run figures -- <name> …         only these
npm run figures -- --scale 0.2 …    with a fifth of the samples, for a first look
npm run figures -- --seed 7 …       kills and the like come at the moments that follow from it; default a random one,
                                    which is printed

${FIGURES.map(({ name, about }) => `  ${name.padEnd(18)} ${about}`).join('\n')}

Each starts the product as processes, with a Postgres, a Redis and a dockerd of its own (root and dockerd are needed),
and removes all of it in the end. A missed aim is a finding: the exit code is 1 then.`;

void main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<void> {
  const options = parse(args);
  if (typeof options === 'string') {
    console.error(`${options}\n\n${HELP}`);
    process.exitCode = 2;
    return;
  }
  if (options.isHelp) return console.log(HELP);
  const results: Result[] = [];
  for (const figure of options.figures) results.push(...(await attempt(figure, options)));
  console.log(`\n${renderTable(results)}\n`);
  const command = ['npm run figures --', ...options.names, '--seed', options.seed, '--scale', options.scale].join(' ');
  console.log(`${new Date().toISOString().slice(0, 10)}, ${command}, ${machine()}`);
  if (results.some(({ isMet }) => !isMet)) process.exitCode = 1;
}

interface Options {
  readonly figures: readonly Figure[];
  readonly names: readonly string[];
  readonly scale: number;
  readonly seed: number;
  readonly isHelp: boolean;
}

/** @returns what is wrong, in words, where it cannot be understood */
function parse(args: readonly string[]): Options | string {
  try {
    const { values, positionals: names } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { scale: { type: 'string' }, seed: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    });
    const unknown = names.filter((name) => !FIGURES.some((figure) => figure.name === name));
    if (unknown.length > 0) return `there is no figure ${unknown.join(', ')}`;
    const scale = Number(values.scale ?? 1);
    const seed = Number(values.seed ?? randomInt(1, 2 ** 31));
    if (!(scale > 0 && Number.isFinite(scale))) return '--scale needs a number over 0';
    if (!(Number.isSafeInteger(seed) && seed >= 0)) return '--seed needs a whole number';
    const figures = names.length === 0 ? FIGURES : FIGURES.filter(({ name }) => names.includes(name));
    return { figures, names, scale, seed, isHelp: values.help ?? false };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** One that fails does not keep the others from being measured. */
async function attempt(figure: Figure, { scale, seed }: Options): Promise<Result[]> {
  const shutdown = new Shutdown();
  const log = (line: string): void => console.log(`· ${figure.name}: ${line}`);
  const end = (): void => void shutdown.run().finally(() => process.exit(130));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end);
  try {
    log(figure.about);
    const context: FigureContext = {
      scale,
      // Each from its own beginning, whichever figures are measured before it.
      random: SeededRandom.named(`${figure.name} ${seed}`),
      log,
      install: (options) => MeasuredInstallation.install(options, shutdown),
    };
    const results = await figure.measure(context);
    console.log(renderTable(results));
    return results;
  } catch (error) {
    console.error(`${figure.name} could not be measured:`, error);
    process.exitCode = 1;
    return [];
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, end);
    for (const problem of await shutdown.run()) console.error(`${figure.name}: ${problem}`);
  }
}

function machine(): string {
  const load = loadavg()
    .map((each) => each.toFixed(1))
    .join(' ');
  return `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown processor'}, Node ${process.versions.node}, load ${load}`;
}
