import { processEnvironment, type Environment } from './process-environment';
import { readSettings, type SettingValues } from './read-settings';

/** What seals stored secrets. */
export interface EncryptionKeys {
  /** 32 bytes. */
  readonly current: Buffer;
  /** Opens only; null: none. */
  readonly former: Buffer | null;
}

export const ENCRYPTION_SETTINGS = ['CREWTAB_ENCRYPTION_KEY', 'CREWTAB_FORMER_ENCRYPTION_KEY'] as const;

export function encryptionOf(values: SettingValues<(typeof ENCRYPTION_SETTINGS)[number]>): EncryptionKeys {
  const { CREWTAB_ENCRYPTION_KEY: current, CREWTAB_FORMER_ENCRYPTION_KEY: former } = values;
  return { current: Buffer.from(current), former: former && Buffer.from(former) };
}

export interface ResealConfig {
  readonly database: { readonly url: string };
  readonly encryption: EncryptionKeys;
}

/** What `npm run reseal` needs. @throws ConfigError that lists every bad setting. */
export function loadResealConfig(environment: Environment = processEnvironment()): ResealConfig {
  const values = readSettings(environment, ['DATABASE_URL', ...ENCRYPTION_SETTINGS]);
  return { database: { url: values.DATABASE_URL }, encryption: encryptionOf(values) };
}
