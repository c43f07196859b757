import type { AccessStore } from '@crewtab/domain/ports/management-store';
import { generateApiKey, hashApiKey } from './api-key';

export interface FirstKeyOptions {
  readonly access: Pick<AccessStore, 'hasAnyKey' | 'createFirstKey'>;
  /** CREWTAB_API_KEY; null: make one. */
  readonly configuredKey: string | null;
  /** Shows a key that was made to the person at the terminal. It is the only time: the database keeps a hash. */
  readonly print: (key: string) => void;
}

/**
 * Gives an empty database its first admin key: the configured one, or a new one that is printed once. Does nothing when
 * there is any key. Safe when several processes start at once: only the one whose key was taken prints it.
 */
export async function ensureFirstKey(options: FirstKeyOptions): Promise<void> {
  if (await options.access.hasAnyKey()) return;
  const key = options.configuredKey ?? generateApiKey();
  const name = options.configuredKey === null ? 'first key' : 'CREWTAB_API_KEY';
  const isTaken = await options.access.createFirstKey(hashApiKey(key), name);
  if (isTaken && options.configuredKey === null) options.print(key);
}
