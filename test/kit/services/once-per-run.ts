import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';

/** Any number that nothing else takes a lock on. */
const ONCE_LOCK = 7_310_422;

/**
 * Makes something once for all test files of this run, whichever worker asks first; the others wait and get the same
 * answer.
 * @param name a file name of its own.
 */
export async function oncePerRun(name: string, make: () => Promise<string>): Promise<string> {
  const [folder, databaseUrl] = [process.env.CREWTAB_TEST_FOLDER, process.env.TEST_DATABASE_URL];
  if (folder === undefined || databaseUrl === undefined) {
    throw new Error('the global set-up did not run: this test belongs in the project "integration" or "e2e"');
  }
  const file = join(folder, name);
  const lock = new Client({ connectionString: databaseUrl });
  await lock.connect();
  try {
    await lock.query('SELECT pg_advisory_lock($1)', [ONCE_LOCK]);
    const made = await readFile(file, 'utf8').catch(() => null);
    if (made !== null) return made;
    const fresh = await make();
    await writeFile(file, fresh);
    return fresh;
  } finally {
    // Ends the session and with it the lock.
    await lock.end();
  }
}
