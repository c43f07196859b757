import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** One file of the built web pages, as it is sent. */
export interface WebFile {
  readonly contentType: string;
  readonly etag: string;
  readonly body: Buffer;
  /** Null where compressing gains nothing. */
  readonly gzipped: Buffer | null;
  /** Its name changes with its content, so that browsers may keep it for ever. */
  readonly isHashed: boolean;
}

/** By path: `/index.html`, `/assets/index-3f9a1c.js`. */
export type WebFiles = ReadonlyMap<string, WebFile>;

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};
const COMPRESSIBLE = new Set(['.html', '.js', '.css', '.svg']);

/**
 * Reads the pages that `npm run build` bundled: some megabytes, kept in memory, so that no request names a file of this
 * machine. Empty where nothing was built.
 */
export function readWebFiles(folder: string): WebFiles {
  const files = new Map<string, WebFile>();
  for (const path of pathsBelow(folder, '')) files.set(path, readWebFile(folder, path));
  return files;
}

function readWebFile(folder: string, path: string): WebFile {
  const body = readFileSync(join(folder, path));
  const kind = extname(path);
  return {
    contentType: TYPES[kind] ?? 'application/octet-stream',
    etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
    body,
    gzipped: COMPRESSIBLE.has(kind) ? gzipSync(body) : null,
    isHashed: path.startsWith('/assets/'),
  };
}

function pathsBelow(folder: string, below: string): string[] {
  return entriesOf(join(folder, below)).flatMap((entry) => {
    const path = `${below}/${entry.name}`;
    return entry.isDirectory() ? pathsBelow(folder, path) : [path];
  });
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
