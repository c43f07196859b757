import { createHash } from 'node:crypto';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from '@crewtab/domain/ports/logger';

/** A unix socket's path is limited to 108 bytes on Linux (unix(7)), 104 on macOS; a little below both. */
const LONGEST_SOCKET_PATH = 100;
/** How often a server checks that the known name leads to its own socket, ms. */
const REPAIR_EVERY_MS = 500;

/**
 * A deep checkout would make a socket's path too long: then the folder is below the machine's temporary one.
 * @param longest path of a socket in the folder
 */
export function shortEnough(rootDir: string, longest: string): string {
  if (join(rootDir, longest).length <= LONGEST_SOCKET_PATH) return rootDir;
  return join(tmpdir(), `crewtab-${createHash('sha256').update(rootDir).digest('hex').slice(0, 12)}`);
}

export async function listenAt(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
}

export interface KnownLink {
  readonly runId: string;
  /** For the log: `team socket`. */
  readonly of: string;
  /** Of the socket that the link must lead to. */
  readonly ownName: string;
  /** Where the link leads; null without one. */
  readonly target: () => Promise<string | null>;
  /** Puts the link in its place, in one step. */
  readonly put: () => Promise<void>;
  readonly logger: Logger;
}

/**
 * Puts a server's link back at the known name. A worker that stood still while it opened the run's socket, and goes on after
 * another one took the run over, replaces the link by its own, which leads nowhere once that worker is gone. Until the stale
 * one closes its server both replace the link in turn.
 * @returns ends it
 */
export function keepLink(link: KnownLink): () => void {
  const watch = setInterval(() => void repairLink(link), REPAIR_EVERY_MS).unref();
  return () => clearInterval(watch);
}

async function repairLink({ runId, of, ownName, target, put, logger }: KnownLink): Promise<void> {
  try {
    if ((await target()) === ownName) return;
    await put();
    logger.warn({ runId }, `the link to the ${of} led elsewhere, and is repaired`);
  } catch (error) {
    // Removed at this moment, most likely: the next look finds out.
    logger.debug({ runId, error: String(error) }, `could not repair the link to the ${of}`);
  }
}
