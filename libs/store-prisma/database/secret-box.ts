import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { AppError } from '@crewtab/domain/errors';
import type { Agent } from '@crewtab/domain/teams/team';

const VERSION = 'v1';
const KEY_BYTES = 32;
/** Recommended for GCM; random, so one key is good for some 2^32 sealings. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * AES-256-GCM for what must not stand in the database in plain text. A sealed text is
 * `v1:<key id>:<base64url of nonce, tag and ciphertext>`; the key id (8 hex digits of the key's SHA-256) tells a wrong key from
 * a damaged text.
 */
export class SecretBox {
  private readonly key: Buffer;
  private readonly keyId: string;

  /** @param key 32 bytes, or their hex or base64 form. */
  constructor(key: Buffer | string) {
    this.key = typeof key === 'string' ? parseKey(key) : key;
    if (this.key.length !== KEY_BYTES) throw invalidKey(`it has ${this.key.length} bytes`);
    this.keyId = createHash('sha256').update(this.key).digest('hex').slice(0, 8);
  }

  seal(text: string): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.key, nonce);
    const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return `${VERSION}:${this.keyId}:${Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url')}`;
  }

  /** Throws `internal` when the text was sealed with another key or was altered. */
  open(sealedText: string): string {
    const [version, keyId, payload] = sealedText.split(':');
    if (version !== VERSION || payload === undefined)
      throw new AppError('internal', 'a sealed text in the database has an unknown form');
    if (keyId !== this.keyId) {
      throw new AppError(
        'internal',
        `CREWTAB_ENCRYPTION_KEY is not the key that this database was written with (its id is ${keyId}, the given key's is ${this.keyId}). Start with the former key.`,
      );
    }
    const bytes = Buffer.from(payload, 'base64url');
    const decipher = createDecipheriv('aes-256-gcm', this.key, bytes.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    try {
      decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
      return decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
    } catch (error) {
      throw new AppError('internal', 'a sealed text in the database was altered', { cause: error });
    }
  }
}

function parseKey(text: string): Buffer {
  const trimmed = text.trim();
  if (/^[0-9a-f]{64}$/i.test(trimmed)) return Buffer.from(trimmed, 'hex');
  if (/^[A-Za-z0-9+/_-]{43}=?$/.test(trimmed)) return Buffer.from(trimmed, 'base64');
  throw invalidKey('it is neither 64 hex digits nor the base64 form of 32 bytes');
}

function invalidKey(why: string): AppError {
  return new AppError(
    'internal',
    `CREWTAB_ENCRYPTION_KEY must be 32 bytes: ${why}. Make one with: openssl rand -base64 32`,
  );
}

/** Null where there is nothing to seal. */
export function sealEnv(box: SecretBox, env: Agent['env']): string | null {
  return env && Object.keys(env).length > 0 ? box.seal(JSON.stringify(env)) : null;
}

export function openEnv(box: SecretBox, sealedEnv: string): Record<string, string> {
  return JSON.parse(box.open(sealedEnv)) as Record<string, string>;
}
