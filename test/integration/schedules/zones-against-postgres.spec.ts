import { isValidTimezone, offsetsOf } from '@crewtab/domain/schedules/next-fire';
import { Pool } from 'pg';
import { createTestDatabase, type TestDatabase } from '../../kit/services/database';

/**
 * The offsets that firing goes by, against Postgres, which has zone data and code of its own: C over its copy of the IANA
 * database, where ours is ICU's. Every name that both know, aliases such as US/Eastern included, over twenty years.
 */

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const FROM = Date.UTC(2012, 0, 1);
const UNTIL = Date.UTC(2032, 0, 1);
/** Nothing changes for so short a time that this would step over it. */
const SAMPLE_MS = 10 * DAY_MS;
/**
 * Node and Postgres carry releases of the IANA database that may be years apart, and zones that one release has otherwise
 * than another are all a difference may be: few, a country or two a year; by no more than the hour that clocks are set; and
 * of late. The data learn late of some changes (of Moldova's in 2022 only in 2026), but not so late that they would be
 * unsure of anything before this instant: there, no zone may differ at all.
 */
const UNSURE_FROM = Date.UTC(2022, 0, 1);
const MAX_DIFFERENT_ZONES = 8;

/** Zones that Intl lists and Postgres reads as something else. */
const ABBREVIATIONS = ['CET', 'EET', 'EST', 'HST', 'MET', 'MST', 'UTC', 'WET'];

let database: TestDatabase;
let pool: Pool;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = new Pool({ connectionString: database.url, max: 4 });
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

/** Regular samples, and both sides of every change that our code sees, to the second. */
function instantsToAsk(timezone: string): { instants: number[]; changes: number } {
  const zone = offsetsOf(timezone);
  const instants: number[] = [];
  let changes = 0;
  for (let from = FROM; from < UNTIL; from += SAMPLE_MS) {
    instants.push(from);
    if (zone.fixedMs !== null || zone.localTimeAt(from) + SAMPLE_MS === zone.localTimeAt(from + SAMPLE_MS)) continue;
    for (let day = from / DAY_MS; day < (from + SAMPLE_MS) / DAY_MS; day++) {
      const { changesAt, offsetBefore, offsetAfter } = zone.day(day);
      if (offsetBefore === offsetAfter) continue;
      changes++;
      instants.push(changesAt - 1_000, changesAt, changesAt + 1_000);
    }
  }
  return { instants, changes };
}

interface Difference {
  readonly what: string;
  /** Two releases of the same data may have it so. */
  readonly isExplained: boolean;
}

async function differencesOf(timezone: string, instants: readonly number[]): Promise<Difference[]> {
  const { rows } = await pool.query<{ offset_ms: string }>(
    `SELECT (extract(epoch FROM to_timestamp(t / 1000) AT TIME ZONE $1)::bigint * 1000 - t) AS offset_ms
     FROM unnest($2::bigint[]) WITH ORDINALITY AS asked(t, n) ORDER BY n`,
    [timezone, instants],
  );
  const zone = offsetsOf(timezone);
  return instants.flatMap((at, n) => {
    const ours = zone.fixedMs ?? zone.localTimeAt(at) - at;
    const theirs = Number(rows[n]?.offset_ms);
    if (ours === theirs) return [];
    const what = `${timezone} ${new Date(at).toISOString()}: ${ours} here, ${theirs} in Postgres`;
    return [{ what, isExplained: at >= UNSURE_FROM && Math.abs(ours - theirs) <= HOUR_MS }];
  });
}

describe('the offsets of every time zone', () => {
  it('are those that Postgres has, to the second of each change from 2012 to 2031', async () => {
    // Postgres takes CET and its like for abbreviations of a fixed offset before it takes them for zones.
    const { rows } = await pool.query<{ name: string }>(
      'SELECT name FROM pg_timezone_names WHERE upper(name) NOT IN (SELECT abbrev FROM pg_timezone_abbrevs) ORDER BY name',
    );
    const names = rows.map(({ name }) => name);
    const canonical = Intl.supportedValuesOf('timeZone');
    expect(canonical.filter((name) => !names.includes(name) && !ABBREVIATIONS.includes(name))).toEqual([]);
    const zones = names.filter(isValidTimezone);
    // Aliases and all.
    expect(zones.length).toBeGreaterThan(550);

    const unexplained: string[] = [];
    const different: string[] = [];
    let changes = 0;
    for (const timezone of zones) {
      const asked = instantsToAsk(timezone);
      changes += asked.changes;
      const differences = await differencesOf(timezone, asked.instants);
      unexplained.push(...differences.flatMap(({ what, isExplained }) => (isExplained ? [] : [what])));
      different.push(...differences.slice(0, 1).map(({ what }) => what));
    }
    expect(changes).toBeGreaterThan(5_000);
    expect(unexplained).toEqual([]);
    if (different.length > MAX_DIFFERENT_ZONES) expect(different).toEqual([]);
  }, 300_000);
});
