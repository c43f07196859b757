import type { Readable } from 'node:stream';
import { extract } from 'tar-stream';
import { readEntry, statIn } from './container-files';
import { withinLimit, type EngineClient } from './engine-client';
import { isRefusal, toAppError } from './engine-errors';
import { KEPT_END, KEPT_OUTPUT } from './guard';

/** So much is read at once at most, bytes. */
const READ_AT_ONCE = 16 * 1024 * 1024;

/** What the guard of a container has written down, whether or not the container still runs. */
export class KeptOutput {
  constructor(
    private readonly engine: EngineClient,
    private readonly handle: string,
  ) {}

  /** The exit code of an agent of which every word is kept. Null before, and where the guard was killed or had no room. */
  async exitCode(): Promise<number | null> {
    const ended = await readEntry(this.engine, this.engine.docker.getContainer(this.handle), KEPT_END);
    const code = ended?.content ?? '';
    return /^\d+$/.test(code) ? Number(code) : null;
  }

  /** Bytes of records; 0 where there are none. */
  async size(): Promise<number> {
    return (await statIn(this.engine, this.engine.docker.getContainer(this.handle), KEPT_OUTPUT))?.size ?? 0;
  }

  /** Records from a position on, up to 16 MiB; empty where there are none. */
  async read(position: number): Promise<Buffer> {
    try {
      return await withinLimit('read the kept output', this.engine.limits.stallMs, (abortSignal) =>
        this.readPart(position, abortSignal),
      );
    } catch (error) {
      if (isRefusal(error, 404)) return Buffer.alloc(0);
      throw toAppError(error);
    }
  }

  /** The engine gives whole files only, so what comes before is skipped. */
  private async readPart(position: number, abortSignal: AbortSignal): Promise<Buffer> {
    const container = this.engine.docker.getContainer(this.handle);
    const archive = (await container.getArchive({ path: KEPT_OUTPUT, abortSignal })) as Readable;
    const entries = extract();
    archive.once('error', (error: Error) => entries.destroy(error));
    archive.pipe(entries);
    try {
      for await (const entry of entries) return await partOf(entry, position);
      return Buffer.alloc(0);
    } finally {
      archive.destroy();
    }
  }
}

async function partOf(file: AsyncIterable<unknown>, position: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let at = 0;
  for await (const chunk of file as AsyncIterable<Buffer>) {
    const wanted = chunk.subarray(Math.max(0, position - at), Math.max(0, position + READ_AT_ONCE - at));
    if (wanted.length > 0) chunks.push(wanted);
    at += chunk.length;
    if (at >= position + READ_AT_ONCE) break;
  }
  return Buffer.concat(chunks);
}
