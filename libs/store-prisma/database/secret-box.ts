import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { AppError } from '@crewtab/domain/errors';
import type { Agent, McpServer } from '@crewtab/domain/teams/team';

/** Of a sealing that is bound to its place. */
const BOUND = 'v2';
/** Of earlier versions: it can be moved to another place unnoticed. */
const UNBOUND = 'v1';
const KEY_BYTES = 32;
/** Recommended for GCM; random, so one key is good for some 2^32 sealings. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Where a sealed text belongs: what it is, and whose. It opens only there, so that a text which was moved to another row
 * of the database is refused.
 */
export type SealedPlace = readonly [kind: string, ...owner: string[]];

/** What the installation row seals; only that it can be opened matters. */
export const CHECK_TEXT = 'crewtab';
export const CHECK_PLACE: SealedPlace = ['check'];

export interface SecretKeys {
  /** 32 bytes, or their hex or base64 form. Seals and opens. */
  readonly current: Buffer | string;
  /** Opens only; null: none. */
  readonly former?: Buffer | string | null;
}

/**
 * AES-256-GCM for what must not stand in the database in plain text. A sealed text is
 * `v2:<key id>:<base64url of nonce, tag and ciphertext>` with its place as associated data; the key id (8 hex digits of the
 * key's SHA-256) tells a wrong key from a damaged text.
 */
export class SecretBox {
  private readonly current: SecretKey;
  private readonly keys: readonly SecretKey[];
  private isUnboundRefused = false;

  constructor({ current, former = null }: SecretKeys) {
    this.current = toKey(current);
    this.keys = former === null ? [this.current] : [this.current, toKey(former)];
  }

  /** With what every text begins that is sealed as this box seals. */
  get prefix(): string {
    return `${BOUND}:${this.current.id}:`;
  }

  /** From now on opens no text of earlier versions: none is left, so one that turns up comes from a former state. */
  refuseUnbound(): void {
    this.isUnboundRefused = true;
  }

  seal(text: string, place: SealedPlace): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.current.bytes, nonce).setAAD(associatedData(place));
    const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return `${this.prefix}${Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url')}`;
  }

  /** Throws `internal` when the text was sealed with another key or for another place, or was altered. */
  open(sealedText: string, place: SealedPlace): string {
    const [version, keyId = '', payload] = sealedText.split(':');
    if ((version !== BOUND && version !== UNBOUND) || payload === undefined)
      throw new AppError('internal', 'a sealed text in the database has an unknown form');
    if (version === UNBOUND && this.isUnboundRefused)
      throw new AppError(
        'internal',
        'a sealed text in the database is older than the last run of `npm run reseal`; if you put it there, run it again',
      );
    const bytes = Buffer.from(payload, 'base64url');
    const decipher = createDecipheriv('aes-256-gcm', this.keyOf(keyId).bytes, bytes.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    if (version === BOUND) decipher.setAAD(associatedData(place));
    try {
      decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
      return decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
    } catch (error) {
      throw new AppError('internal', 'a sealed text in the database was altered, or moved from another place', {
        cause: error,
      });
    }
  }

  private keyOf(keyId: string): SecretKey {
    const key = this.keys.find(({ id }) => id === keyId);
    if (key) return key;
    const given = this.keys.map(({ id }) => id).join(' and ');
    throw new AppError(
      'internal',
      `CREWTAB_ENCRYPTION_KEY is not the key that this database was written with (its id is ${keyId}, given: ${given}). Give the other one as CREWTAB_FORMER_ENCRYPTION_KEY.`,
    );
  }
}

export function isBound(sealedText: string): boolean {
  return sealedText.startsWith(`${BOUND}:`);
}

interface SecretKey {
  readonly bytes: Buffer;
  readonly id: string;
}

function toKey(key: Buffer | string): SecretKey {
  const bytes = typeof key === 'string' ? parseKey(key) : key;
  if (bytes.length !== KEY_BYTES) throw invalidKey(`it has ${bytes.length} bytes`);
  return { bytes, id: createHash('sha256').update(bytes).digest('hex').slice(0, 8) };
}

/** As JSON, so that no two places look the same. */
function associatedData(place: SealedPlace): Buffer {
  return Buffer.from(JSON.stringify(place), 'utf8');
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

/** Whose an agent is. A run's copy of an agent has the same owner, so that it can be copied as it is. */
export interface AgentOwner {
  readonly organizationId: string;
  readonly teamId: string;
}

/** The names of the variables are inside of what is sealed, so they need no place of their own. */
export function envPlace({ organizationId, teamId }: AgentOwner, agent: string): SealedPlace {
  return ['env', organizationId, teamId, agent];
}

export function mcpPlace({ organizationId, teamId }: AgentOwner, agent: string): SealedPlace {
  return ['mcp', organizationId, teamId, agent];
}

/** A run's copy has the same place, so that it can be copied as it is. */
export function secretPlace(organizationId: string, name: string): SealedPlace {
  return ['secret', organizationId, name];
}

/** Null where there is nothing to seal. */
export function sealEnv(box: SecretBox, owner: AgentOwner, agent: Pick<Agent, 'name' | 'env'>): string | null {
  const { env, name } = agent;
  return env && Object.keys(env).length > 0 ? box.seal(JSON.stringify(env), envPlace(owner, name)) : null;
}

/** Null where there is nothing to seal. The list as a whole: its arguments and URLs may hold secrets too. */
export function sealMcpServers(
  box: SecretBox,
  owner: AgentOwner,
  { name, mcpServers = [] }: Pick<Agent, 'name' | 'mcpServers'>,
): string | null {
  return mcpServers.length > 0 ? box.seal(JSON.stringify(mcpServers), mcpPlace(owner, name)) : null;
}

export function openMcpServers(box: SecretBox, owner: AgentOwner, agent: string, sealed: string): McpServer[] {
  return JSON.parse(box.open(sealed, mcpPlace(owner, agent))) as McpServer[];
}

export function openEnv(box: SecretBox, owner: AgentOwner, agent: string, sealedEnv: string): Record<string, string> {
  return JSON.parse(box.open(sealedEnv, envPlace(owner, agent))) as Record<string, string>;
}
