import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Response } from 'express';
import { pack } from 'tar-stream';
import type { ArtifactStore, ByteRange } from '@crewtab/domain/ports/artifact-store';
import type { KeptArtifact } from '@crewtab/domain/runs/artifact';
import { UNKNOWN_TYPE } from '@crewtab/domain/runs/content-type';
import { notFound } from '../server/problem';

/**
 * An agent wrote it: nothing of it may run with the rights of the page that shows it, also where a browser opens it by itself.
 * The type is not guessed: `nosniff` stands on every answer.
 */
const SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/** Once the first byte is out a failure breaks the connection off, which a client sees as a file that is not whole. */
export async function sendArtifact(
  store: ArtifactStore,
  { path, bytes, digest, contentType, key }: KeptArtifact,
  { isDownload, range }: { readonly isDownload: boolean; readonly range?: string },
  response: Response,
): Promise<void> {
  const part = range === undefined ? null : parseRange(range, bytes);
  const content = await store.open(key, part ?? undefined);
  if (!content) throw notFound('artifact');
  const name = path.slice(path.lastIndexOf('/') + 1);
  response.status(part ? 206 : 200).set({
    'Content-Type': isDownload ? UNKNOWN_TYPE : contentType,
    'Content-Length': String(part ? part.end - part.start + 1 : bytes),
    'Content-Disposition': `${isDownload ? 'attachment' : 'inline'}; filename*=UTF-8''${encodeRfc5987(name)}`,
    'Content-Security-Policy': SANDBOX,
    'Accept-Ranges': 'bytes',
    'Cache-Control': 'private, max-age=3600',
    ETag: `"${digest}"`,
    ...(part && { 'Content-Range': `bytes ${part.start}-${part.end}/${bytes}` }),
  });
  await send(Readable.from(content), response);
}

export async function sendArchive(
  store: ArtifactStore,
  artifacts: readonly KeptArtifact[],
  name: string,
  response: Response,
): Promise<void> {
  response.status(200).set({
    'Content-Type': 'application/gzip',
    'Content-Disposition': `attachment; filename="${name}.tar.gz"`,
  });
  const archive = pack();
  const filled = fill(archive, store, artifacts, name).catch((error: unknown) => archive.destroy(error as Error));
  await send(Readable.from(archive), createGzip(), response);
  await filled;
}

async function fill(
  archive: ReturnType<typeof pack>,
  store: ArtifactStore,
  artifacts: readonly KeptArtifact[],
  folder: string,
): Promise<void> {
  for (const { path, bytes, key } of artifacts) {
    const content = await store.open(key);
    if (!content) throw new Error(`the content of ${path} is gone`);
    await pipeline(Readable.from(content), archive.entry({ name: `${folder}/${path}`, size: bytes, mode: 0o644 }));
  }
  archive.finalize();
}

async function send(...streams: [NodeJS.ReadableStream, ...NodeJS.ReadWriteStream[], Response]): Promise<void> {
  const response = streams.at(-1) as Response;
  try {
    await pipeline(streams);
  } catch (error) {
    // The client went away.
    if (!response.destroyed) throw error;
  }
}

/** One range of bytes that the file has; anything else is as if it had not been asked for. */
export function parseRange(text: string, bytes: number): ByteRange | null {
  const [, from = '', to = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(text.trim()) ?? [];
  if (from === '' && to === '') return null;
  const start = from === '' ? Math.max(0, bytes - Number(to)) : Number(from);
  const end = from === '' || to === '' ? bytes - 1 : Math.min(Number(to), bytes - 1);
  return start <= end ? { start, end } : null;
}

function encodeRfc5987(name: string): string {
  return encodeURIComponent(name).replace(/['()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
}
