// `npm run demo-data`: fills the installation of DATABASE_URL with a month of history, to try the pages or to show them:
// teams, schedules, and runs that ended in every way, with their conversations. Its teams name images that do not exist, so
// what fires from then on fails; give it a database of its own. `npm start` with the same DATABASE_URL shows it.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureBuilt } from './lib/ensure-built.mjs';
import { ensureInstalled } from './lib/ensure-installed.mjs';
import { projectFolder, SetupError } from './lib/project.mjs';

const log = (line) => console.log(`· ${line}`);
try {
  const unknown = process.argv.slice(2).find((argument) => argument !== '--force');
  if (unknown !== undefined) throw new SetupError(`unknown option ${unknown}; there is --force alone`);
  const databaseUrl = process.env.DATABASE_URL;
  if (!databaseUrl) throw new SetupError('DATABASE_URL is not set: it says which installation is filled');
  await ensureInstalled({ log });
  await ensureBuilt({ log });
  process.chdir(projectFolder);
  const { seedDemo, NotEmptyError } = await import(
    pathToFileURL(join(projectFolder, 'dist/test/kit/demo-data/seed-demo.js'))
  );
  const isForced = process.argv.includes('--force');
  const report = await seedDemo({ databaseUrl, isForced }).catch((error) => {
    if (error instanceof NotEmptyError) throw new SetupError(error.message);
    if (error.code === '42501')
      throw new SetupError(`the role of DATABASE_URL has to be a superuser for this (${error.message})`);
    throw error;
  });
  log(`${report.teams} teams, ${report.schedules} schedules, ${report.runs} runs, ${report.messages} messages`);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`✗ ${error.message}`);
  process.exitCode = 1;
}
