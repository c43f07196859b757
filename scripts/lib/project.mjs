import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The folder of package.json, wherever the process was started. */
export const projectFolder = fileURLToPath(new URL('../../', import.meta.url));

/** Something that the reader of the terminal can repair: its message is one line and is shown without a stack. */
export class SetupError extends Error {
  name = 'SetupError';
}

/** @returns the file's text, or null when there is none. */
export function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw error;
  }
}

export function digest(...parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex');
}
