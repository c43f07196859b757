import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { digest, projectFolder, readIfThere, SetupError } from './project.mjs';
import { runQuietly } from './run-command.mjs';

const STAMP = 'node_modules/.crewtab-lock';
/** npm writes this at the very end of an installation: what is really in node_modules. */
const INSTALLED = 'node_modules/.package-lock.json';
const NPM_LOG = '.crewtab/logs/npm-ci.log';

/**
 * Brings node_modules in line with package-lock.json, by `npm ci`, and does nothing when it already is.
 * @param {{ log: (line: string) => void }} options where progress goes, line by line
 * @throws {SetupError} with one line for people when that fails
 */
export async function ensureInstalled({ log }) {
  requireNode();
  const lock = readIfThere(join(projectFolder, 'package-lock.json'));
  if (lock === null)
    throw new SetupError('package-lock.json is missing: take a fresh clone, or `git checkout package-lock.json`.');
  const wanted = digest(lock, process.platform, process.arch);
  if (isFresh(lock, wanted)) return;
  const startedAt = Date.now();
  log(
    existsSync(join(projectFolder, 'node_modules'))
      ? 'Dependencies have changed: npm ci (about a minute)'
      : 'Installing dependencies: npm ci (about a minute)',
  );
  await npmCi(log);
  writeFileSync(join(projectFolder, STAMP), wanted);
  log(`Dependencies installed in ${Math.round((Date.now() - startedAt) / 1000)} s`);
}

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const isEnough = major > 20 || (major === 20 && minor >= 19);
  if (!isEnough)
    throw new SetupError(
      `Node ${process.versions.node} is too old: Crewtab needs 20.19 or newer (https://nodejs.org).`,
    );
}

function isFresh(lock, wanted) {
  if (readIfThere(join(projectFolder, STAMP)) === wanted) return true;
  if (!isInstalledByHand(lock)) return false;
  writeFileSync(join(projectFolder, STAMP), wanted);
  return true;
}

/** Whether an `npm ci` or `npm install` by hand has already brought exactly what the lock file says. */
function isInstalledByHand(lock) {
  const text = readIfThere(join(projectFolder, INSTALLED));
  if (text === null) return false;
  const installed = JSON.parse(text).packages;
  const { '': _project, ...locked } = JSON.parse(lock).packages;
  // npm leaves the optional packages of other platforms out.
  const isAsLocked = ([path, wanted]) =>
    installed[path]?.version === wanted.version || (!installed[path] && wanted.optional === true);
  return Object.entries(locked).every(isAsLocked) && Object.keys(installed).every((path) => locked[path]);
}

async function npmCi(log) {
  const npm = process.env.npm_execpath;
  const [command, args] = npm?.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []];
  const options = ['ci', '--loglevel=error', '--no-audit', '--no-fund'];
  // A package of swagger's reports installations to its maker unless told not to.
  const env = { SCARF_ANALYTICS: 'false', NODE_ENV: 'development' };
  const { code, output } = await runQuietly(command, [...args, ...options], { env, log, what: 'npm ci' }).catch(
    (error) => {
      throw new SetupError(`npm cannot be started (${error.message}): install Node with npm and try again.`);
    },
  );
  if (code === 0) return;
  mkdirSync(join(projectFolder, '.crewtab/logs'), { recursive: true });
  writeFileSync(join(projectFolder, NPM_LOG), output);
  throw new SetupError(
    `npm ci failed (exit code ${code}): ${reasonIn(output)}. Check the network and free disk space, then run it again; all of npm's words are in ${NPM_LOG}.`,
  );
}

function reasonIn(output) {
  const errors = output.split('\n').filter((line) => /^npm (error|ERR!)/.test(line));
  const words = errors
    .map((line) => line.replace(/^npm (error|ERR!)\s*/, '').trim())
    .filter((line) => line !== '' && !line.startsWith('A complete log'));
  return words.slice(0, 3).join('; ').slice(0, 300) || 'npm gave no reason';
}
