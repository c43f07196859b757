import { relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { projectFolder, readIfThere } from './project.mjs';

/** Enough to know a failure again and to begin looking; all of it stands where the suite printed it. */
const SHOWN_FAILURES = 20;
const SHOWN_LINES = 20;
const SHOWN_COLUMNS = 400;

/**
 * What failed, from the report that Jest wrote with --json.
 * @param {string} path where the report should be
 * @returns {{ title: string, message: string }[]} empty where there is no sound report
 */
export function readJestFailures(path) {
  const report = parse(readIfThere(path));
  return (report?.testResults ?? []).flatMap((file) => {
    const name = relative(projectFolder, file.name);
    const failed = file.assertionResults.filter(({ status }) => status === 'failed');
    if (failed.length === 0 && file.status === 'failed') return [{ title: name, message: file.message }];
    return failed.map(({ fullName, failureMessages }) => ({
      title: `${name} › ${fullName}`,
      message: failureMessages.join('\n'),
    }));
  });
}

/** In words for the end of a long log, where the suite's own report has long scrolled away. */
export function describeFailures(failures) {
  const shown = failures.slice(0, SHOWN_FAILURES).map(({ title, message }) => `  ${title}\n${excerpt(message)}`);
  const more = failures.length - shown.length;
  return [...shown, ...(more > 0 ? [`  and ${more} more`] : [])].join('\n');
}

function excerpt(message) {
  return stripVTControlCharacters(message)
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^\s+at /.test(line))
    .slice(0, SHOWN_LINES)
    .map((line) => `    ${line.slice(0, SHOWN_COLUMNS)}`)
    .join('\n');
}

/** A report that Jest was killed over is cut short: then there is nothing to say about single tests. */
function parse(text) {
  try {
    return text === null ? null : JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
