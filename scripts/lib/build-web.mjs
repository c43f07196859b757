import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { digest, projectFolder, readIfThere, SetupError } from './project.mjs';
import { runQuietly } from './run-command.mjs';

const SOURCE = 'apps/web';
/** What the pages bundle of the rest; of the contract they have only types, which change nothing in a bundle. */
const BUNDLED = ['libs/api-client', 'libs/words'];
const STAMP = 'dist/.crewtab-web';
const PAGES = 'dist/apps/web';
/** What a browser may have to load, in kB of compressed script: for the shell with Now, and for other pages beside it. */
const BUDGETS = [
  { what: 'the shell and Now', files: scriptsOfIndex, kilobytes: 250 },
  { what: 'the builder of schedules', files: () => chunksOf(/^builder-page-.*\.js$/), kilobytes: 60 },
  { what: "a run's page", files: () => chunksOf(/^run-page-.*\.js$/), kilobytes: 130 },
];

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
  checkBudgets();
  writeFileSync(join(projectFolder, STAMP), wanted);
  log(`Bundled in ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
}

/** @throws {SetupError} that says what has become too large, or has no chunk of its own any more */
function checkBudgets() {
  for (const { what, files, kilobytes } of BUDGETS) {
    const own = files();
    const sizes = own.map((name) => gzipSync(readFileSync(join(projectFolder, PAGES, 'assets', name))).length);
    const size = sizes.reduce((sum, one) => sum + one, 0);
    if (own.length === 0)
      throw new SetupError(`The web pages have no script for ${what}: see BUDGETS in build-web.mjs`);
    if (size > kilobytes * 1_000)
      throw new SetupError(
        `The script for ${what} is ${Math.ceil(size / 1_000)} kB compressed, over its ${kilobytes} kB`,
      );
  }
}

/** All that the page itself names: its script, and the parts of it that lazy pages share. */
function scriptsOfIndex() {
  const page = readFileSync(join(projectFolder, PAGES, 'index.html'), 'utf8');
  return [...page.matchAll(/"\/assets\/([^"/]+\.js)"/g)].map(([, name]) => name);
}

function chunksOf(pattern) {
  return readdirSync(join(projectFolder, PAGES, 'assets')).filter((name) => pattern.test(name));
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
