import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ensureGuard } from './build-guard.mjs';
import { ensureWebBuilt } from './build-web.mjs';
import { digest, projectFolder, readIfThere, SetupError } from './project.mjs';
import { runQuietly } from './run-command.mjs';

/** The simulator and the fakes under it run compiled, for their speed; they are left out where there are no tests, as in the image. */
const SOURCES = ['apps', 'libs', 'images', 'bench', 'test/fakes', 'test/kit', 'test/simulation'];
/** Programs that run inside containers, each of them one file with its packages. */
const BUNDLED = ['images/demo-agent/**', 'images/team-bridge/**'];
/** Data that the apps read beside their code. */
/** What images are built of on workers' hosts. */
const BUILD_FOLDERS = ['images/presets', 'images/git'];
const BUNDLER = 'dist/images/build/bundle-programs.js';
const BUILD_STAMP = 'dist/.crewtab-build';
const SCHEMA = 'prisma/schema.prisma';
const CLIENT = 'libs/store-prisma/generated';
const CLIENT_STAMP = `${CLIENT}/.crewtab-schema`;

/**
 * Compiles the TypeScript to dist/ (`dist/apps/scheduler/src/main.js` and so on), the guard of agents' containers and the
 * web pages (dist/apps/web), after generating Prisma's client when the schema has changed. Does nothing when no source has changed since the last time.
 * @param {{ log: (line: string) => void }} options where progress goes, line by line
 * @throws {SetupError} with the compiler's words
 */
export async function ensureBuilt({ log }) {
  await ensureClient({ log });
  ensureGuard({ log });
  await ensureAppsBuilt({ log });
  await ensureWebBuilt({ log });
}

async function ensureAppsBuilt({ log }) {
  const wanted = digest(...inputs());
  if (readIfThere(join(projectFolder, BUILD_STAMP)) === wanted) return;
  const startedAt = Date.now();
  log('Building');
  const swc = locate('@swc/cli/package.json', 'bin/swc.js');
  const folders = SOURCES.filter((folder) => existsSync(join(projectFolder, folder)));
  const ignored = ['apps/web/**', ...BUNDLED].flatMap((pattern) => ['--ignore', pattern]);
  await node([swc, ...folders, '--out-dir', 'dist', ...ignored, '--quiet'], 'The build', { log });
  copyBuildFolders();
  await node([BUNDLER], 'Bundling the programs of the images', { log });
  writeFileSync(join(projectFolder, BUILD_STAMP), wanted);
  log(`Built in ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
}

/** As they are now: a preset that is gone from the sources is gone from the build. */
function copyBuildFolders() {
  for (const folder of BUILD_FOLDERS) {
    const copy = join(projectFolder, 'dist', folder);
    rmSync(copy, { recursive: true, force: true });
    cpSync(join(projectFolder, folder), copy, { recursive: true });
  }
}

/** Generates Prisma's client, which is not kept in git, unless it is there and of this schema. */
export async function ensureClient({ log }) {
  const schema = readIfThere(join(projectFolder, SCHEMA));
  if (schema === null) return;
  const prisma = locate('prisma/package.json', 'build/index.js');
  const wanted = digest(schema, readFileSync(join(prisma, '../../package.json')));
  if (readIfThere(join(projectFolder, CLIENT_STAMP)) === wanted) return;
  log("Generating Prisma's client");
  // Generating never runs the schema engine, but the CLI looks for one and would download it from a host that many a
  // network does not reach. Any program that exists will do; Node is everywhere.
  const env = {
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
    CHECKPOINT_DISABLE: '1',
  };
  await node([prisma, 'generate'], 'prisma generate', { env, log });
  mkdirSync(join(projectFolder, CLIENT), { recursive: true });
  writeFileSync(join(projectFolder, CLIENT_STAMP), wanted);
}

/** Removes what earlier builds left, so that the next one starts from nothing. */
export function forgetBuild() {
  rmSync(join(projectFolder, 'dist'), { recursive: true, force: true });
}

function locate(manifest, file) {
  const require = createRequire(join(projectFolder, 'package.json'));
  return join(require.resolve(manifest), '..', file);
}

async function node(args, what, { env, log }) {
  const { code, output } = await runQuietly(process.execPath, args, { env, log, what });
  if (code !== 0) throw new SetupError(`${what} failed (exit code ${code}):\n${output.trim()}`);
}

/** Everything that decides what the build produces; sources by path, size and time of change, to be quick. */
function inputs() {
  const settings = ['.swcrc', 'package-lock.json'].map((path) => readFileSync(join(projectFolder, path)));
  const files = SOURCES.flatMap((folder) => filesBelow(folder)).map((path) => {
    const { size, mtimeMs } = statSync(join(projectFolder, path));
    return `${path} ${size} ${mtimeMs}`;
  });
  return [...settings, ...files];
}

function filesBelow(folder) {
  if (folder === 'apps/web' || !existsSync(join(projectFolder, folder))) return [];
  return readdirSync(join(projectFolder, folder), { withFileTypes: true })
    .sort((left, right) => (left.name < right.name ? -1 : 1))
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) return filesBelow(path);
      return BUILD_FOLDERS.some((one) => folder.startsWith(one)) || /\.[cm]?[jt]s$/.test(entry.name) ? [path] : [];
    });
}
