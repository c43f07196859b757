import { removeTestContainers } from '../kit/services/docker-leftovers';

/**
 * Stops what the set-up started. Fails when a test left a container of its own behind: it is removed, and named.
 */
export default async function globalTeardown(): Promise<void> {
  try {
    await globalThis.crewtabTestServices?.stop();
  } finally {
    globalThis.crewtabTestServices = undefined;
  }
  const left = await removeTestContainers();
  if (left.length > 0) throw new Error(`tests left containers behind: ${left.join(', ')}`);
}
