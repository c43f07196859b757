// `npm run figures`: brings dependencies and build up to date, then measures how fast the product recovers.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ensureBuilt } from './lib/ensure-built.mjs';
import { ensureInstalled } from './lib/ensure-installed.mjs';
import { projectFolder, SetupError } from './lib/project.mjs';

const log = (line) => console.log(`· ${line}`);
try {
  await ensureInstalled({ log });
  await ensureBuilt({ log });
  process.chdir(projectFolder);
  const require = createRequire(import.meta.url);
  require(join(projectFolder, 'test/support/typescript-hook.cjs'));
  require(join(projectFolder, 'test/figures/main.ts'));
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`✗ ${error.message}`);
  process.exitCode = 1;
}
