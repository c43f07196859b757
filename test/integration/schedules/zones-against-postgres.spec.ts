import { isValidTimezone } from '@crewtab/domain/schedules/next-fire';
import { offsetsOf } from '@crewtab/domain/schedules/zone-offsets';
import { Pool } from 'pg';
import { createTestDatabase, type TestDatabase } from '../../support/database';

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
/** A country or two change their rules each year, and Postgres and Node do not learn of it on the same day. */
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

async function differencesOf(timezone: string, instants: readonly number[]): Promise<string[]> {
  const { rows } = await pool.query<{ offset_ms: string }>(
    `SELECT (extract(epoch FROM to_timestamp(t / 1000) AT TIME ZONE $1)::bigint * 1000 - t) AS offset_ms
     FROM unnest($2::bigint[]) WITH ORDINALITY AS asked(t, n) ORDER BY n`,
    [timezone, instants],
  );
  const zone = offsetsOf(timezone);
  return instants.flatMap((at, n) => {
    const ours = zone.fixedMs ?? zone.localTimeAt(at) - at;
    const theirs = Number(rows[n]?.offset_ms);
    return ours === theirs ? [] : [`${timezone} ${new Date(at).toISOString()}: ${ours} here, ${theirs} in Postgres`];
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

    const different = new Map<string, string[]>();
    let changes = 0;
    for (const timezone of zones) {
      const asked = instantsToAsk(timezone);
      changes += asked.changes;
      const differences = await differencesOf(timezone, asked.instants);
      if (differences.length > 0) different.set(timezone, differences);
    }
    expect(changes).toBeGreaterThan(5_000);
    require('fs').writeFileSync('/tmp/w2/zones.json', JSON.stringify([...different].map(([z, d]) => [z, d.length, d[0], d.at(-1)]), null, 1));
    const examples = [...different.values()].map(([first]) => first);
    if (examples.length > MAX_DIFFERENT_ZONES) expect(examples).toEqual([]);
  }, 300_000);
});
