import { cpus, loadavg } from 'node:os';
import { Shutdown } from '../chaos/shutdown';
import { adoption } from './adoption';
import { deadlines } from './deadlines';
import { engineKilled } from './engine-killed';
import type { Figure, FigureContext, Result } from './figure';
import { handOver } from './hand-over';
import { Installation } from './installation';
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

${FIGURES.map(({ name, about }) => `  ${name.padEnd(18)} ${about}`).join('\n')}

Each starts the product as processes, with a Postgres, a Redis and a dockerd of its own (root and dockerd are needed),
and removes all of it in the end. A missed aim is a finding: the exit code is 1 then.`;

void main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<void> {
  if (args.includes('--help') || args.includes('-h')) return console.log(HELP);
  const at = args.indexOf('--scale');
  const scale = at < 0 ? 1 : Number(args[at + 1]);
  const names = at < 0 ? args : args.filter((_, index) => index !== at && index !== at + 1);
  const unknown = names.filter((name) => !FIGURES.some((figure) => figure.name === name));
  if (unknown.length > 0 || !(scale > 0)) {
    console.error(`${unknown.length > 0 ? `there is no figure ${unknown.join(', ')}` : 'bad --scale'}\n\n${HELP}`);
    process.exitCode = 2;
    return;
  }
  const wanted = names.length === 0 ? FIGURES : FIGURES.filter(({ name }) => names.includes(name));
  const results: Result[] = [];
  for (const figure of wanted) results.push(...(await attempt(figure, scale)));
  console.log(`\n${renderTable(results)}\n`);
  console.log(
    `${new Date().toISOString().slice(0, 10)}, npm run figures${args.map((arg) => ` ${arg}`).join('')}, ${machine()}`,
  );
  if (results.some(({ isMet }) => !isMet)) process.exitCode = 1;
}

/** One that fails does not keep the others from being measured. */
async function attempt(figure: Figure, scale: number): Promise<Result[]> {
  const shutdown = new Shutdown();
  const log = (line: string): void => console.log(`· ${figure.name}: ${line}`);
  const end = (): void => void shutdown.run().finally(() => process.exit(130));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end);
  try {
    log(figure.about);
    const context: FigureContext = { scale, log, install: (options) => Installation.start(options, shutdown) };
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
