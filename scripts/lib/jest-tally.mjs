import { readIfThere } from './project.mjs';

/**
 * Counts from the report that Jest wrote with --json.
 * @param {string} path where the report should be
 * @param {boolean} isPassed whether Jest itself said so, by its exit code
 * @returns {{ passed: number, failed: number, skipped: number }} with at least one failure whenever anything went
 * wrong: a crash, a report that is missing, a file that could not be loaded, no tests at all
 */
export function readJestTally(path, isPassed) {
  const text = readIfThere(path);
  const report = text === null ? null : parse(text);
  if (report === null) return { passed: 0, failed: 1, skipped: 0 };
  const passed = report.numPassedTests;
  const skipped = report.numPendingTests + report.numTodoTests;
  const failed = report.numFailedTests + report.numRuntimeErrorTestSuites;
  const isSound = isPassed && report.success && passed + skipped > 0;
  return { passed, failed: isSound ? failed : Math.max(1, failed), skipped };
}

export function addTallies(tallies) {
  const sum = (key) => tallies.reduce((total, tally) => total + tally[key], 0);
  return { passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') };
}

export function summaryLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** A report that Jest was killed over is cut short. */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
