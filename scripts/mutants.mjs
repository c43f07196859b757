// `npm run mutants`: are the tests able to notice what they are there for? test/mutants/ says how.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ensureBuilt } from './lib/ensure-built.mjs';
import { ensureInstalled } from './lib/ensure-installed.mjs';
import { projectFolder } from './lib/project.mjs';

const log = (line) => console.log(`· ${line}`);
await ensureInstalled({ log });
// The copy takes the generated database client from here.
await ensureBuilt({ log });
for (const [signal, exitCode] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
]) {
  process.once(signal, () => process.exit(exitCode));
}
const require = createRequire(import.meta.url);
require(join(projectFolder, 'test/support/typescript-hook.cjs'));
const { main } = require(join(projectFolder, 'test/mutants/main.ts'));
process.exitCode = await main(projectFolder, process.argv.slice(2));
