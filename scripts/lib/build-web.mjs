import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { digest, projectFolder, readIfThere, SetupError } from './project.mjs';
import { runQuietly } from './run-command.mjs';

const SOURCE = 'apps/web';
/** What the pages bundle of the rest; of the contract they have only types, which change nothing in a bundle. */
const BUNDLED = ['libs/api-client'];
const STAMP = 'dist/.crewtab-web';

/**
 * Bundles the browser's pages to dist/apps/web. Does nothing when no source of them has changed since the last time.
 * @param {{ log: (line: string) => void }} options where progress goes, line by line
 * @throws {SetupError} with the bundler's words
 */
export async function ensureWebBuilt({ log }) {
  if (!existsSync(join(projectFolder, SOURCE, 'index.html'))) return;
  const wanted = digest(readIfThere(join(projectFolder, 'package-lock.json')) ?? '', ...inputs());
  if (readIfThere(join(projectFolder, STAMP)) === wanted) return;
  const startedAt = Date.now();
  log('Bundling the web pages');
  const vite = join(createRequire(join(projectFolder, 'package.json')).resolve('vite/package.json'), '../bin/vite.js');
  const { code, output } = await runQuietly(process.execPath, [vite, 'build', SOURCE, '--logLevel', 'warn'], {
    ...{ log, what: 'Bundling the web pages' },
  });
  if (code !== 0) throw new SetupError(`Bundling the web pages failed (exit code ${code}):\n${output.trim()}`);
  writeFileSync(join(projectFolder, STAMP), wanted);
  log(`Bundled in ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
}

function inputs() {
  return [SOURCE, ...BUNDLED].flatMap(filesBelow).map((path) => {
    const { size, mtimeMs } = statSync(join(projectFolder, path));
    return `${path} ${size} ${mtimeMs}`;
  });
}

function filesBelow(folder) {
  return readdirSync(join(projectFolder, folder), { withFileTypes: true })
    .sort((left, right) => (left.name < right.name ? -1 : 1))
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) return filesBelow(path);
      return /\.spec\.tsx?$/.test(entry.name) ? [] : [path];
    });
}
