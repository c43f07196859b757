import fc from 'fast-check';
import { LineSplitter, type Line } from './agent-output';

/** Stands for a line that is told of and not given. */
const BEYOND = 'beyond the limit';

function split(pieces: readonly Buffer[], longestLineBytes?: number): string[] {
  const splitter = new LineSplitter(longestLineBytes);
  const lines: Line[] = pieces.flatMap((piece) => [...splitter.push(piece)]);
  const last = splitter.end();
  if (last) lines.push(last);
  expect(lines.map((line) => line.index)).toEqual(lines.map((_, index) => index));
  return lines.map((line) => (line.isTooLong ? BEYOND : line.text));
}

describe('LineSplitter', () => {
  it('gives whole lines, empty ones included, and the unterminated last one', () => {
    expect(split([Buffer.from('a\n\nb'), Buffer.from('c\nd')])).toEqual(['a', '', 'bc', 'd']);
    expect(split([Buffer.from('a\n')])).toEqual(['a']);
    expect(split([])).toEqual([]);
  });

  it('gives the same lines however the bytes are cut', () => {
    const text = fc
      .array(fc.constantFrom('a', 'ü', '世', '🎉', '\n', '\r\n', ' '), { maxLength: 60 })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, fc.array(fc.nat(200), { maxLength: 10 }), (whole, cuts) => {
        const bytes = Buffer.from(whole);
        const places = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
        const pieces = places.slice(1).map((place, index) => bytes.subarray(places[index], place));
        const expected = whole.split('\n');
        if (expected.at(-1) === '') expected.pop();
        expect(split(pieces)).toEqual(expected);
      }),
    );
  });

  it('joins a line that comes in very many pieces', () => {
    const line = Array.from({ length: 5_000 }, (_, index) => String(index % 10)).join('');
    const bytes = [...Buffer.from(`${line}\n${line}`)].map((byte) => Buffer.from([byte]));
    expect(split(bytes)).toEqual([line, line]);
  });

  it('replaces bytes that are not UTF-8, and keeps a byte order mark, which is none in the middle of a stream', () => {
    expect(split([Buffer.from([0x61, 0xff, 0x0a])])).toEqual(['a\ufffd']);
    expect(split([Buffer.from('\ufeffa\n')])).toEqual(['\ufeffa']);
  });

  it('passes over a line beyond the limit, tells of it once, and counts it as one however the bytes come', () => {
    const bytes = Buffer.from('abc\nabcdefgh\n\nij\nklmn');
    const expected = ['abc', BEYOND, '', 'ij', BEYOND];
    expect(split([bytes], 3)).toEqual(expected);
    const single = [...bytes].map((byte) => Buffer.from([byte]));
    expect(split(single, 3)).toEqual(expected);
    for (const cut of bytes.keys()) expect(split([bytes.subarray(0, cut), bytes.subarray(cut)], 3)).toEqual(expected);
  });

  it('tells of an endless line before its end, and holds no more than the limit of it', () => {
    const splitter = new LineSplitter(1_000);
    const chunk = Buffer.alloc(100, 'x');
    const found = Array.from({ length: 50 }, () => {
      const lines = [...splitter.push(chunk)];
      expect(splitter.heldBytes).toBeLessThanOrEqual(1_000);
      return lines;
    });
    expect(found.flat()).toEqual([{ index: 0, text: '', isTooLong: true }]);
    expect(found[10]).toHaveLength(1);
    expect(splitter.end()).toBeNull();
  });

  it('holds of a line that comes in tiny pieces of large chunks its own bytes alone', () => {
    const splitter = new LineSplitter();
    for (let count = 0; count < 100; count++) {
      const chunk = Buffer.alloc(64 * 1024, '\n');
      chunk[chunk.length - 1] = 0x61;
      expect([...splitter.push(chunk)]).toHaveLength(64 * 1024 - 1);
      expect(splitter.heldBytes).toBe(1);
    }
  });
});
