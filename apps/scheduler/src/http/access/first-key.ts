import type { AccessStore } from '@crewtab/domain/ports/management-store';
import type { Logger } from '@crewtab/domain/ports/logger';
import { generateApiKey, hashApiKey } from './api-key';

export interface FirstKeyOptions {
  readonly access: Pick<AccessStore, 'hasAnyKey' | 'createFirstKey' | 'findKey'>;
  /** CREWTAB_API_KEY; null: make one. */
  readonly configuredKey: string | null;
  /** Shows a key that was made to the person at the terminal. It is the only time: the database keeps a hash. */
  readonly print: (key: string) => void;
  readonly logger: Pick<Logger, 'warn'>;
}

/**
 * Gives an empty database its first admin key: the configured one, or a new one that is printed once. Does nothing when
 * there is any key. Safe when several processes start at once: only the one whose key was taken prints it.
 */
export async function ensureFirstKey(options: FirstKeyOptions): Promise<void> {
  if (await options.access.hasAnyKey()) return warnOfIgnoredKey(options);
  const key = options.configuredKey ?? generateApiKey();
  const name = options.configuredKey === null ? 'first key' : 'CREWTAB_API_KEY';
  const isTaken = await options.access.createFirstKey(hashApiKey(key), name);
  if (isTaken && options.configuredKey === null) options.print(key);
}

/** Who sets another key expects it to work: it was meant for an empty database, and this one is not. */
async function warnOfIgnoredKey({ access, configuredKey, logger }: FirstKeyOptions): Promise<void> {
  if (configuredKey === null || (await access.findKey(hashApiKey(configuredKey)))) return;
  logger.warn(
    {},
    'CREWTAB_API_KEY is not a key of this database, and is ignored: it only becomes the first key of an empty one. Use the key that was there at the first start',
  );
}
