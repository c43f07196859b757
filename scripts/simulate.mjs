// `npm run simulate`: brings dependencies and build up to date, then hands over to the compiled simulator.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureBuilt } from './lib/ensure-built.mjs';
import { ensureInstalled } from './lib/ensure-installed.mjs';
import { projectFolder, SetupError } from './lib/project.mjs';

const log = (line) => console.log(`· ${line}`);
try {
  await ensureInstalled({ log });
  await ensureBuilt({ log });
  const { main } = await import(pathToFileURL(join(projectFolder, 'dist/test/simulation/main.js')));
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`✗ ${error.message}`);
  process.exitCode = 1;
}
