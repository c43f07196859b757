// `npm run bench`: brings dependencies and build up to date, then hands over to the compiled benches.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureBuilt } from './lib/ensure-built.mjs';
import { ensureInstalled } from './lib/ensure-installed.mjs';
import { projectFolder, SetupError } from './lib/project.mjs';

const log = (line) => console.log(`· ${line}`);
try {
  await ensureInstalled({ log });
  await ensureBuilt({ log });
  process.chdir(projectFolder);
  await import(pathToFileURL(join(projectFolder, 'dist/bench/main.js')));
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`✗ ${error.message}`);
  process.exitCode = 1;
}
