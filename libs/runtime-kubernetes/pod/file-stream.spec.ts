import type { FoundFile } from '@crewtab/domain/ports/runtime';
import { packFiles, repackFiles, unpackFiles } from './file-stream';

const STREAM = Buffer.concat([
  Buffer.from('d 755 0 1 0 9\na'),
  Buffer.from('f 640 5 4 0 1500\na/ücaf\n.'),
  Buffer.from('l 777 0 1 3 0\nb../'),
  Buffer.from('o 644 0 1 0 3\np.\n'),
]);

/** As it may come: cut after every so many bytes. */
async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

type Read = Omit<FoundFile, 'content'> & { readonly text: string };

async function readAll(files: AsyncIterable<FoundFile>, isContentRead = true): Promise<Read[]> {
  const read: Read[] = [];
  for await (const { content, ...file } of files) {
    const chunks: Uint8Array[] = [];
    if (isContentRead) for await (const chunk of content) chunks.push(chunk);
    read.push({ ...file, text: Buffer.concat(chunks).toString('utf8') });
  }
  return read;
}

describe('files of a pod', () => {
  it.each([1, 2, 7, 1_000])('are read in pieces of %i bytes', async (size) => {
    expect(await readAll(unpackFiles(inPieces(STREAM, size)))).toEqual([
      { path: 'a', kind: 'folder', mode: 0o755, size: 0, target: null, ageMs: 9, text: '' },
      { path: 'a/ü', kind: 'file', mode: 0o640, size: 5, target: null, ageMs: 1500, text: 'caf\n.' },
      { path: 'b', kind: 'link', mode: 0o777, size: 0, target: '../', ageMs: 0, text: '' },
      { path: 'p', kind: 'other', mode: 0o644, size: 0, target: null, ageMs: 3, text: '' },
    ]);
  });

  it('pass over content that is not read', async () => {
    const found = await readAll(unpackFiles(inPieces(STREAM, 3)), false);
    expect(found.map(({ path }) => path)).toEqual(['a', 'a/ü', 'b', 'p']);
  });

  it('are not taken for whole where the stream breaks off', async () => {
    for (const end of [STREAM.length - 2, STREAM.length - 20, 0]) {
      const cut = unpackFiles(inPieces(STREAM.subarray(0, end), 5));
      await expect(readAll(cut)).rejects.toMatchObject({ code: 'engine_unreachable', retryable: true });
    }
  });

  it('are refused where their heads are none', async () => {
    const odd = inPieces(Buffer.from('f 644 many 1 0\na'), 100);
    await expect(readAll(unpackFiles(odd))).rejects.toMatchObject({ code: 'engine_error' });
  });

  it('are handed on from one pod to another, and what is no file is not', async () => {
    const chunks: Buffer[] = [];
    // A name that is no UTF-8 stays what it is.
    const odd = Buffer.from('f 644 0 2 0 1\n\xff\xfe', 'latin1');
    for await (const chunk of repackFiles(inPieces(Buffer.concat([odd, STREAM]), 3))) chunks.push(chunk);
    const socket = Buffer.from('o 644 0 1 0 3\np');
    const expected = Buffer.concat([odd, STREAM.subarray(0, STREAM.length - socket.length - 2), Buffer.from('.\n')]);
    expect(Buffer.concat(chunks).toString('latin1')).toBe(expected.toString('latin1'));
  });

  it('are packed with their lengths and an end', () => {
    const packed = [...packFiles([{ path: 'ü', mode: 0o755, content: Buffer.from('hi') }])];
    expect(Buffer.concat(packed).toString('utf8')).toBe('f 755 2 2 0\nühi.\n');
  });
});
