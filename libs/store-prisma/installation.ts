import { AppError } from '@crewtab/domain/errors';
import { effect } from '@crewtab/domain/failpoint';
import type { Database, Statement } from './database';
import type { SecretBox } from './secret-box';

/** What the check seals; only that it can be opened matters. */
const CHECK_TEXT = 'crewtab';

const ENSURE: Statement = {
  text: 'INSERT INTO installation (seal_check) VALUES ($1) ON CONFLICT (singleton) DO NOTHING',
};
const READ: Statement = { text: 'SELECT id, seal_check FROM installation' };

/**
 * The database's own identity, made by the first process that asks. Throws `internal` when the encryption key is not
 * the one that the database was first used with.
 */
export async function readInstallation(db: Database, box: SecretBox): Promise<string> {
  const [existing] = await db.query<{ id: string; seal_check: string }>(READ);
  if (existing) {
    box.open(existing.seal_check);
    return existing.id;
  }
  await effect('postgres.installation.make', () => db.query(ENSURE, [box.seal(CHECK_TEXT)]));
  const [made] = await db.query<{ id: string; seal_check: string }>(READ);
  if (!made) throw new AppError('internal', 'the installation row vanished');
  box.open(made.seal_check);
  return made.id;
}
