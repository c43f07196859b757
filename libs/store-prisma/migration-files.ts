import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

export interface Migration {
  /** The directory's name, `<timestamp>_<name>`; they are applied in this order. */
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of the file's bytes in hex, as `prisma migrate` computes it. */
  readonly checksum: string;
}

const SCRIPT = 'migration.sql';

/** The migrations that belong to this code, oldest first. */
export async function readMigrations(directory: string): Promise<Migration[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isDirectory() && existsSync(join(directory, entry.name, SCRIPT)))
    .map((entry) => entry.name);
  return Promise.all(
    names.sort().map(async (name) => {
      const bytes = await readFile(join(directory, name, SCRIPT));
      return { name, sql: bytes.toString('utf8'), checksum: createHash('sha256').update(bytes).digest('hex') };
    }),
  );
}

/** prisma/migrations of the project that this file belongs to, whether it runs from its source or from `dist`. */
export function findMigrationsDir(from: string = __dirname): string {
  for (let directory = from; ; directory = dirname(directory)) {
    const candidate = join(directory, 'prisma', 'migrations');
    if (existsSync(candidate)) return candidate;
    if (dirname(directory) === directory) throw new Error(`no prisma/migrations in ${from} or above it`);
  }
}
