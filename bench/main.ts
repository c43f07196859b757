import { cpus, loadavg } from 'node:os';
import type { Bench, Figure } from './harness/bench';
import { removeLeftovers } from './harness/leftovers';
import { startServices, type BenchServices } from './harness/services';
import { renderMissed, renderTable } from './harness/table';
import { bytesPerSchedule } from './bytes-per-schedule';
import { coldTeam } from './cold-team';
import { egressNeighbour } from './egress-neighbour';
import { fireLagIdle } from './fire-lag-idle';
import { fireLagMany } from './fire-lag-many';
import { fireLagSingle } from './fire-lag-single';
import { lists } from './lists';
import { noisyNeighbour } from './noisy-neighbour';
import { runOverhead } from './run-overhead';
import { runPage } from './run-page';
import { runsPerSecond } from './runs-per-second';

const BENCHES: readonly Bench[] = [
  fireLagMany,
  fireLagSingle,
  fireLagIdle,
  bytesPerSchedule,
  runOverhead,
  runsPerSecond,
  noisyNeighbour,
  egressNeighbour,
  coldTeam,
  lists,
  runPage,
];

const HELP = `npm run bench                 all of them, under ten minutes
npm run bench -- <name> …     only these

${BENCHES.map(({ name, about }) => `  ${name.padEnd(20)} ${about}`).join('\n')}

Those that deploy containers use the engine of DOCKER_HOST, or the first one that answers, and are left out without one.
bench/README.md says what each measures and how to read it. A missed aim is a finding, not a failure: the exit code is 1
only when something could not be measured.`;

void main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<void> {
  if (args.includes('--help') || args.includes('-h')) return console.log(HELP);
  const unknown = args.filter((arg) => !BENCHES.some(({ name }) => name === arg));
  if (unknown.length > 0) {
    console.error(`there is no bench ${unknown.join(', ')}\n\n${HELP}`);
    process.exitCode = 1;
    return;
  }
  await measure(args.length === 0 ? BENCHES : BENCHES.filter(({ name }) => args.includes(name)));
}

async function measure(benches: readonly Bench[]): Promise<void> {
  const startedAt = performance.now();
  const log = (line: string): void => console.log(`· ${line}`);
  const services = await startServices(log);
  endInOrder(services);
  const figures: Figure[] = [];
  try {
    for (const bench of benches) {
      if (bench.needsDocker && services.dockerHost === null) {
        log(`${bench.name}: left out, it needs a container engine`);
        continue;
      }
      log(`${bench.name}: ${bench.about}`);
      figures.push(...(await attempt(bench, () => bench.run(services))));
    }
  } finally {
    await cleanUp(services);
  }
  if (figures.length === 0) return;
  console.log(`\n${renderTable(figures)}\n`);
  const missed = renderMissed(figures);
  if (missed !== '') console.log(`${missed}\n`);
  log(`measured in ${((performance.now() - startedAt) / 1000).toFixed(0)} s on ${machine()}`);
}

async function cleanUp(services: BenchServices): Promise<void> {
  if (services.dockerHost !== null) await removeLeftovers(services.dockerHost);
  await services.stop();
}

/** Ctrl-C leaves no container, no server and no data. */
function endInOrder(services: BenchServices): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      console.error('stopping');
      void cleanUp(services).finally(() => process.exit(130));
    });
  }
}

/** One bench that fails does not keep the others from being measured. */
async function attempt(bench: Bench, run: () => Promise<Figure[]>): Promise<Figure[]> {
  const startedAt = performance.now();
  try {
    const figures = await run();
    console.log(`${renderTable(figures)}`);
    console.log(`  (${((performance.now() - startedAt) / 1000).toFixed(0)} s)`);
    return figures;
  } catch (error) {
    console.error(`${bench.name} could not be measured:`, error);
    process.exitCode = 1;
    return [];
  }
}

function machine(): string {
  const load = loadavg()
    .map((each) => each.toFixed(1))
    .join(' ');
  return `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown processor'}, Node ${process.versions.node}, load ${load}`;
}
