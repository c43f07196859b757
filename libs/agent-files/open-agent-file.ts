import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { AppError } from '@crewtab/domain/errors';

/** Follows no link at the end of the path, and does not wait for the other end of a FIFO. */
const WARILY = constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Opens a file for reading in a place where an agent may have put anything: a FIFO, whose opening would hold one of the few
 * threads of the process for ever, a link to a file of ours, a device.
 * @returns null where nothing is
 * @throws AppError `engine_error` for what is no regular file
 */
export async function openAgentFile(path: string): Promise<FileHandle | null> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | WARILY);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw spoiled(path, `it cannot be opened (${code})`, error);
  }
  try {
    if ((await file.stat()).isFile()) return file;
  } catch (error) {
    await file.close();
    throw error;
  }
  await file.close();
  throw spoiled(path, 'it is no regular file');
}

/**
 * The text of a small file in such a place.
 * @returns null where nothing is
 * @throws AppError `engine_error` for what is no regular file, or longer than that
 */
export async function readAgentFile(path: string, mostBytes: number): Promise<string | null> {
  const file = await openAgentFile(path);
  if (!file) return null;
  try {
    // One more than it may have: the size alone says nothing about a file that grows.
    const bytes = Buffer.alloc(mostBytes + 1);
    let length = 0;
    for (let got = -1; got !== 0 && length <= mostBytes; length += got)
      got = (await file.read(bytes, length, bytes.length - length, length)).bytesRead;
    if (length > mostBytes) throw spoiled(path, `it has more than ${mostBytes} bytes`);
    return bytes.toString('utf8', 0, length);
  } finally {
    await file.close();
  }
}

function spoiled(path: string, why: string, cause?: unknown): AppError {
  return new AppError('engine_error', `${path} is not what Crewtab made: ${why}`, { cause });
}
