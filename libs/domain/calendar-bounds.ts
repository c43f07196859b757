/**
 * The first and the last instant of the API, ms since 1970: the years 1 to 9999 in UTC, which ISO 8601 writes with four
 * digits. Date reaches further than Postgres and than both can write.
 */
const FIRST_MS = Date.parse('0001-01-01T00:00:00.000Z');
const LAST_MS = Date.parse('9999-12-31T23:59:59.999Z');

/** False for an invalid date. */
export function isWithinCalendar(at: Date): boolean {
  return at.getTime() >= FIRST_MS && at.getTime() <= LAST_MS;
}
