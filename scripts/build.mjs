import { ensureBuilt, forgetBuild } from './lib/ensure-built.mjs';
import { SetupError } from './lib/project.mjs';

if (process.argv.includes('--clean')) forgetBuild();
try {
  await ensureBuilt({ log: console.log });
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
