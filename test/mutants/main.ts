import { parseArgs } from 'node:util';
import { huntMutants, type Hunt } from './hunt-mutants';
import { startTestServices, type TestServices } from '../kit/services/test-services';
import { commandFor, needsServices } from './mutant';
import { MUTANTS } from './mutants';
import { Workshop } from './workshop';

const HELP = `usage: npm run mutants [-- --only <part of a name>]... [--layer <layer>] [--list]

Plants one fault at a time into a copy of the project and expects a named layer of tests to notice.
Exit code 1 when a fault survives, when an edit does not fit any more, or when a layer fails by itself.`;

/** @returns the exit code. */
export async function main(project: string, args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string', multiple: true },
      layer: { type: 'string' },
      list: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return say(HELP);
  const chosen = MUTANTS.filter(
    ({ name, caughtBy }) =>
      (values.layer === undefined || caughtBy.layer === values.layer) &&
      (values.only === undefined || values.only.some((part) => name.includes(part))),
  );
  if (values.list) return say(chosen.map(({ name, breaks }) => `${name}: ${breaks}`).join('\n'));
  if (chosen.length === 0) throw new Error('no mutant has such a name');
  const workshop = await Workshop.open(project);
  let services: TestServices | null = null;
  try {
    services = chosen.some(needsServices) ? await startServices() : null;
    const hunts = await huntMutants(workshop, chosen, (hunt) => say(lineOf(hunt)));
    const caught = hunts.filter(({ result }) => result === 'caught').length;
    say(`\n${caught} of ${hunts.length} mutants caught by the layer that must catch them`);
    return caught === hunts.length ? 0 : 1;
  } finally {
    await services?.stop();
    await workshop.close();
  }
}

/** One Postgres and one Redis for all runs of all layers, unless the environment names others: Jest would start its own. */
async function startServices(): Promise<TestServices> {
  const services = await startTestServices({
    databaseUrl: process.env.TEST_DATABASE_URL,
    redisUrl: process.env.TEST_REDIS_URL,
  });
  process.env.TEST_DATABASE_URL = services.databaseUrl;
  process.env.TEST_REDIS_URL = services.redisUrl;
  return services;
}

function lineOf(hunt: Hunt): string {
  const { name, breaks, caughtBy } = hunt.mutant;
  switch (hunt.result) {
    case 'caught':
      return `✓ ${name}: caught by ${caughtBy.layer} in ${seconds(hunt.tookMs)}: ${hunt.test}`;
    case 'survived':
      return `✗ ${name}: SURVIVED ${caughtBy.layer} (${commandFor(hunt.mutant).join(' ')}) in ${seconds(hunt.tookMs)}. ${breaks}`;
    case 'error':
      return `✗ ${name}: ${hunt.words}`;
  }
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

function say(text: string): 0 {
  console.log(text);
  return 0;
}
