// `npm run chaos`: brings dependencies and build up to date, then runs test/chaos, which is TypeScript, as it is.
import { createRequire } from 'node:module';
import { ensureBuilt } from './lib/ensure-built.mjs';
import { ensureInstalled } from './lib/ensure-installed.mjs';
import { projectFolder, SetupError } from './lib/project.mjs';

const log = (line) => console.log(`· ${line}`);
try {
  await ensureInstalled({ log });
  await ensureBuilt({ log });
  process.chdir(projectFolder);
  const require = createRequire(import.meta.url);
  require('../test/support/typescript-hook.cjs');
  const { main } = require('../test/chaos/main.ts');
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`✗ ${error.message}`);
  process.exitCode = 1;
}
