import { createHash, randomBytes } from 'node:crypto';

/** `ctk_` and 32 random characters (192 bits). */
export function generateApiKey(): string {
  return `ctk_${randomBytes(24).toString('base64url')}`;
}

/** What the database keeps of a key. Keys are long and random, so one SHA-256 is enough and allows look-ups. */
export function hashApiKey(key: string): string {
  return createHash('sha256').update(key, 'utf8').digest('hex');
}
