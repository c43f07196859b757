import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { inWords } from './duration.mjs';
import { projectFolder, readIfThere } from './project.mjs';

const FOLDER = join(projectFolder, '.crewtab/proof');
const KEPT_LINES = 8;
const KEPT_COLUMNS = 200;

/**
 * What a run of a group showed.
 * @typedef {object} ProofRecord
 * @property {string} at an instant
 * @property {string} commit
 * @property {boolean} hasChanges whether files differed from that commit
 * @property {'whole' | 'part'} extent all of the group, or what CI plays of it
 * @property {'passed' | 'failed' | 'skipped'} outcome
 * @property {string[]} figures the lines that the group shows
 * @property {number} tookMs
 * @property {string} command
 */

/** @param {ProofRecord} record */
export function writeProofRecord(name, record) {
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(fileOf(name), `${JSON.stringify(record, null, 2)}\n`);
}

/** @returns {string} in words, for a list of the groups */
export function describeLastProof(name) {
  const text = readIfThere(fileOf(name));
  if (text === null) return 'never played here';
  /** @type {ProofRecord} */
  const { at, commit, hasChanges, extent, outcome, figures, tookMs } = JSON.parse(text);
  const where = `${commit.slice(0, 10)}${hasChanges ? ' with changes' : ''}`;
  const head = `${outcome} on ${at.slice(0, 16).replace('T', ' ')} at ${where}, ${extent}, in ${inWords(tookMs)}`;
  return [head, ...figures.map((line) => `  ${line}`)].join('\n');
}

/** The last of the lines that the group shows. */
export function figuresIn(lines, shows) {
  return lines
    .map(stripVTControlCharacters)
    .filter((line) => shows.test(line))
    .slice(-KEPT_LINES)
    .map((line) => line.trim().slice(0, KEPT_COLUMNS));
}

function fileOf(name) {
  return join(FOLDER, `${name}.json`);
}
