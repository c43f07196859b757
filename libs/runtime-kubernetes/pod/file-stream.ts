import { AppError } from '@crewtab/domain/errors';
import type { FoundFile, WorkspaceFile } from '@crewtab/domain/ports/runtime';

/*
 * Files as images/guard/keeper-files.h takes and gives them: a head of one line, path, target of a link, and content; a line "." at
 * the end. Names and targets are bytes, which need not be UTF-8.
 */

const END = Buffer.from('.\n');
const HEAD = /^([fdlo]) ([0-7]{1,4}) (\d{1,15}) (\d{1,5}) (\d{1,5}) (\d{1,18})$/;
const LONGEST_HEAD = 128;
const NEWLINE = 0x0a;

export function* packFiles(files: readonly WorkspaceFile[]): Generator<Buffer> {
  for (const { path, mode, content } of files) {
    yield headOf({ kind: 'f', mode, size: content.length, path: Buffer.from(path, 'utf8') });
    yield Buffer.from(content);
  }
  yield END;
}

/**
 * Files that were found in one pod, for another one, as they come: none is held whole. Sockets, pipes and devices are left out.
 * @param chunks as a keeper reads them
 */
export async function* repackFiles(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  // Each byte of a name as one character: what is no UTF-8 stays what it is.
  for await (const { kind, path, mode, size, target, ageMs, content } of unpackFiles(chunks, 'latin1')) {
    if (kind === 'other') continue;
    const of = { kind: LETTERS[kind], mode, size, path: Buffer.from(path, 'latin1'), ageMs };
    yield headOf({ ...of, target: Buffer.from(target ?? '', 'latin1') });
    for await (const chunk of content) yield Buffer.from(chunk);
  }
  yield END;
}

interface Head {
  readonly kind: string;
  readonly mode: number;
  readonly size: number;
  readonly path: Buffer;
  readonly target?: Buffer;
  readonly ageMs?: number | null;
}

function headOf({ kind, mode, size, path, target = Buffer.alloc(0), ageMs = null }: Head): Buffer {
  const age = ageMs === null ? '' : ` ${ageMs}`;
  const line = `${kind} ${mode.toString(8)} ${size} ${path.length} ${target.length}${age}\n`;
  return Buffer.concat([Buffer.from(line), path, target]);
}

const LETTERS = { file: 'f', folder: 'd', link: 'l' } as const;
const KINDS = { f: 'file', d: 'folder', l: 'link', o: 'other' } as const;

/** @throws AppError `engine_unreachable` where the stream ends before its end */
export async function* unpackFiles(
  chunks: AsyncIterable<Buffer>,
  names: 'utf8' | 'latin1' = 'utf8',
): AsyncGenerator<FoundFile> {
  const bytes = new ByteReader(chunks);
  for (;;) {
    const head = await bytes.line();
    if (head === '.') return;
    const [, kind, mode = '', size = '', pathBytes = '', targetBytes = '', age = ''] = HEAD.exec(head) ?? [];
    if (kind === undefined)
      throw new AppError('engine_error', 'the keeper of the pod does not say what files there are');
    const path = (await bytes.exactly(Number(pathBytes))).toString(names);
    const target = (await bytes.exactly(Number(targetBytes))).toString(names);
    const content = bytes.next(Number(size));
    const named = KINDS[kind as keyof typeof KINDS];
    yield {
      path,
      kind: named,
      mode: parseInt(mode, 8),
      size: Number(size),
      target: named === 'link' ? target : null,
      ageMs: Number(age),
      content,
    };
    for await (const passedOver of content) void passedOver;
  }
}

/** Reads a stream of pieces by lines and lengths. */
class ByteReader {
  private pending: Buffer = Buffer.alloc(0);
  private readonly source: AsyncIterator<Buffer, undefined>;

  constructor(chunks: AsyncIterable<Buffer>) {
    this.source = chunks[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>;
  }

  async line(): Promise<string> {
    for (;;) {
      const at = this.pending.indexOf(NEWLINE);
      if (at >= 0) return this.take(at + 1).toString('latin1', 0, at);
      if (this.pending.length > LONGEST_HEAD) return '';
      await this.more();
    }
  }

  async exactly(length: number): Promise<Buffer> {
    while (this.pending.length < length) await this.more();
    return this.take(length);
  }

  /** So many bytes, as they come; what was not read of them is read by the same iterator later. */
  async *next(length: number): AsyncGenerator<Buffer> {
    for (let left = length; left > 0;) {
      if (this.pending.length === 0) await this.more();
      const part = this.take(Math.min(left, this.pending.length));
      left -= part.length;
      yield part;
    }
  }

  private take(length: number): Buffer {
    const taken = this.pending.subarray(0, length);
    this.pending = this.pending.subarray(length);
    return taken;
  }

  private async more(): Promise<void> {
    const { done, value } = await this.source.next();
    if (done) throw new AppError('engine_unreachable', 'the files of the pod broke off', { retryable: true });
    this.pending = this.pending.length === 0 ? value : Buffer.concat([this.pending, value]);
  }
}
