import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { projectFolder } from './project.mjs';

/** What counts as one landing: everything of the 24 hours before the commit, by the clock of the commits. */
const LANDING_SECONDS = 24 * 60 * 60;
/** Where history does not reach back so far. */
const LANDING_COMMITS = 20;
const EMPTY_TREE = '4b825dc642cb6eb9a060e54bf8d69288fbee4904';
/** Instead of a commit, in a folder that git does not know. */
const NO_COMMIT = 'no-commit';

/** @returns {{ hash: string, isKnown: boolean, hasChanges: boolean }} HEAD, and whether files differ from it */
export function readCommit(folder = projectFolder) {
  const hash = git(folder, 'rev-parse', 'HEAD');
  if (hash === null) return { hash: NO_COMMIT, isKnown: false, hasChanges: false };
  return { hash, isKnown: true, hasChanges: git(folder, 'status', '--porcelain') !== '' };
}

/** Tells the reader of a log what is tested, and what its seeds follow from. */
export function sayCommit({ hash, isKnown, hasChanges }) {
  if (!isKnown) console.log(`\nThis folder has no git: seeds follow from the word ${hash}.`);
  else console.log(`\nCommit ${short(hash)}${hasChanges ? ', with changes' : ''}: seeds follow from it.`);
}

/**
 * What the landing that ends at HEAD has changed. It follows from the commit alone, so that every clone finds the same:
 * the files that differ from the newest first-parent commit that is 24 hours older than HEAD; where history does not
 * reach back so far, from the twentieth before HEAD; where there is none either, every file.
 * @returns {{ files: string[], since: string }} also those that were removed; `since` in words
 */
export function readLanding(folder = projectFolder) {
  const committedAt = git(folder, 'show', '-s', '--format=%ct', 'HEAD');
  if (committedAt === null) return { files: [], since: 'git, which does not know this folder' };
  const before = `--before=${Number(committedAt) - LANDING_SECONDS}`;
  const dayBefore = git(folder, 'rev-list', '-1', '--first-parent', before, 'HEAD') ?? '';
  if (dayBefore !== '') return { files: changedSince(folder, dayBefore), since: `${short(dayBefore)}, a day before` };
  const twentieth = git(folder, 'rev-parse', '--verify', '--quiet', `HEAD~${LANDING_COMMITS}`);
  if (twentieth === null)
    return { files: changedSince(folder, EMPTY_TREE), since: 'the beginning, as history is short' };
  return { files: changedSince(folder, twentieth), since: `${short(twentieth)}, ${LANDING_COMMITS} commits before` };
}

/** A whole number below 2^31 that follows from the text. */
export function numberFrom(text) {
  return createHash('sha256').update(text).digest().readUInt32BE() >>> 1;
}

function short(hash) {
  return hash.slice(0, 10);
}

function changedSince(folder, base) {
  const names = git(folder, 'diff', '--name-only', '--no-renames', '-z', base, 'HEAD') ?? '';
  return names.split('\0').filter((name) => name !== '');
}

/** @returns {string | null} what git says; null where it is not installed, or refuses */
function git(folder, ...args) {
  try {
    const options = { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 2 ** 26 };
    return execFileSync('git', args, options).trim();
  } catch {
    return null;
  }
}
