import fc from 'fast-check';
import { LineSplitter } from './agent-output';

function split(pieces: readonly Buffer[], longestLineBytes?: number): string[] {
  const splitter = new LineSplitter(longestLineBytes);
  const lines = pieces.flatMap((piece) => [...splitter.push(piece)]);
  const last = splitter.end();
  if (last) lines.push(last);
  expect(lines.map((line) => line.index)).toEqual(lines.map((_, index) => index));
  return lines.map((line) => line.text);
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

  it('cuts endless lines at the same place however the bytes come', () => {
    const bytes = Buffer.from('abcdefgh\nij');
    expect(split([bytes], 3)).toEqual(['abc', 'def', 'gh', 'ij']);
    expect(
      split(
        [...bytes].map((byte) => Buffer.from([byte])),
        3,
      ),
    ).toEqual(['abc', 'def', 'gh', 'ij']);
    for (const cut of [1, 2, 3, 4]) {
      const line = Buffer.from('abc\nd');
      expect(split([line.subarray(0, cut), line.subarray(cut)], 3)).toEqual(['abc', 'd']);
    }
  });
});
