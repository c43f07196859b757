// `npm run check-evidence -- <folder>`: holds the evidence of a chaos run against the invariants, offline.
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { ensureInstalled } from './lib/ensure-installed.mjs';
import { projectFolder } from './lib/project.mjs';

const [folder] = process.argv.slice(2);
if (!folder || folder.startsWith('-')) {
  console.error(
    'usage: npm run check-evidence -- <folder>\n\ntest/chaos/checker/README.md says what is in the folder.',
  );
  process.exit(folder === '--help' ? 0 : 2);
}
await ensureInstalled({ log: (line) => console.log(`· ${line}`) });
const require = createRequire(import.meta.url);
require(join(projectFolder, 'test/support/typescript-hook.cjs'));
const { checkEvidence } = require(join(projectFolder, 'test/chaos/checker/check-evidence.ts'));
const { formatReport } = require(join(projectFolder, 'test/chaos/checker/format-report.ts'));
const report = await checkEvidence(resolve(process.env.INIT_CWD ?? '.', folder));
console.log(formatReport(report));
process.exitCode = report.isClean ? 0 : 1;
