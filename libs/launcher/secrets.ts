import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * A secret of this installation that is made once and kept in the data folder, readable by this user alone.
 * @returns the same value at every start
 */
export async function keptSecret(dataDir: string, name: string, make: () => string): Promise<string> {
  const file = join(dataDir, name);
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const secret = make();
  await writeFile(file, `${secret}\n`, { mode: 0o600, flag: 'wx' });
  return secret;
}

export function makeEncryptionKey(): string {
  return randomBytes(32).toString('hex');
}

export function makeApiKey(): string {
  return `ctk_${randomBytes(24).toString('base64url')}`;
}
