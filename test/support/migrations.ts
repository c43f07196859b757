import { createHash } from 'node:crypto';
import { applyMigrations, findMigrationsDir, readMigrations } from '@crewtab/store-prisma/database/migrate';

/** Changes with any migration; names the template database. */
export async function migrationsFingerprint(): Promise<string> {
  const hash = createHash('sha256');
  for (const { name, checksum } of await readMigrations(findMigrationsDir())) hash.update(name).update(checksum);
  return hash.digest('hex').slice(0, 12);
}

/** Brings an empty database to the present schema. */
export async function migrate(databaseUrl: string): Promise<void> {
  await applyMigrations(databaseUrl);
}
