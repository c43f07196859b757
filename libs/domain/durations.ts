/**
 * Durations as Go writes them (`1h30m`, `45s`, `1.5h`, `500ms`): the form in which people and the API state them.
 * Inside, a duration is always a whole number of milliseconds.
 */

/** Go's own longest duration (2^63 ns), in ms. */
export const MAX_DURATION_MS = 9_223_372_036_854;

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const SECOND_MS = 1_000;

const UNIT_MS: Readonly<Record<string, number>> = { h: HOUR_MS, m: MINUTE_MS, s: SECOND_MS, ms: 1 };

/** One number with its unit. More than 9 decimals would not survive exact arithmetic and are finer than 1 ms anyway. */
const TERM = /(\d+(?:\.\d*)?|\.\d+)([a-zµμ]*)/y;

export type ParsedDuration =
  { readonly ok: true; readonly ms: number } | { readonly ok: false; readonly message: string };

/**
 * Reads a Go duration with the units `h`, `m`, `s`, `ms`, decimals included (`1.5h`), in any order as in Go; `0` needs
 * no unit. Refuses signs, `us` and `ns`, anything finer than 1 ms, and more than Go itself can hold (about 292 years).
 * Never throws; the message says what is wrong, without the name of the field.
 */
export function parseDuration(text: string): ParsedDuration {
  if (text === '0') return { ok: true, ms: 0 };
  if (text === '') return refuse(text, 'is empty');
  if (text.length > 64) return refuse(text, 'is too long');
  if (/^[+-]/.test(text)) return refuse(text, 'has a sign; a duration is never negative');
  let total = 0;
  TERM.lastIndex = 0;
  for (let at = 0; at < text.length; at = TERM.lastIndex) {
    const term = TERM.exec(text);
    if (term === null) return refuse(text, 'is not a duration');
    const ms = termToMs(term[1] ?? '', term[2] ?? '');
    if (typeof ms === 'string') return refuse(text, ms);
    total += ms;
    if (total > MAX_DURATION_MS) return refuse(text, 'is longer than a duration can be (about 292 years)');
  }
  return { ok: true, ms: total };
}

/**
 * Writes a duration of whole, non-negative milliseconds in the shortest Go form: `1h`, `1h30m`, `45s`, `1m1.5s`,
 * `500ms`, `0s`. Parts that are zero are left out (Go's own printer writes `30m0s`; both read the same).
 * Throws a RangeError for anything else: such a number is a bug, not input.
 */
export function formatDuration(ms: number): string {
  if (!Number.isInteger(ms) || ms < 0 || ms > MAX_DURATION_MS)
    throw new RangeError(`not a duration in whole ms: ${ms}`);
  if (ms === 0) return '0s';
  if (ms < SECOND_MS) return `${ms}ms`;
  const hours = Math.floor(ms / HOUR_MS);
  const minutes = Math.floor((ms % HOUR_MS) / MINUTE_MS);
  const seconds = (ms % MINUTE_MS) / SECOND_MS;
  return `${hours > 0 ? `${hours}h` : ''}${minutes > 0 ? `${minutes}m` : ''}${seconds > 0 ? `${seconds}s` : ''}`;
}

/** The term in ms, or what is wrong with it. Exact: `1.001s` is 1001, though 1.001 * 1000 is not. */
function termToMs(digits: string, unit: string): number | string {
  if (unit === '') return `lacks a unit after ${digits}`;
  const unitMs = UNIT_MS[unit];
  if (unitMs === undefined) return `has an unknown unit "${unit}"`;
  const [whole = '', decimals = ''] = digits.split('.');
  const fraction = decimals.replace(/0+$/, '');
  if (fraction.length > 9) return 'is finer than a millisecond';
  const scaled = Number(fraction === '' ? '0' : fraction) * unitMs;
  const divisor = 10 ** fraction.length;
  if (scaled % divisor !== 0) return 'is finer than a millisecond';
  return Number(whole === '' ? '0' : whole) * unitMs + scaled / divisor;
}

function refuse(text: string, reason: string): ParsedDuration {
  const shown = text.length > 30 ? `${text.slice(0, 30)}…` : text;
  return { ok: false, message: `"${shown}" ${reason}; write it like 45s, 30m, 1h30m (units h, m, s, ms)` };
}
