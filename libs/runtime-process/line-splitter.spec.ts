import fc from 'fast-check';
import { LineSplitter } from './line-splitter';

function split(pieces: readonly Buffer[], longest?: number): string[] {
  const splitter = new LineSplitter('stdout', longest);
  const lines = pieces.flatMap((piece) => [...splitter.push(piece)]);
  const last = splitter.end();
  const all = last ? [...lines, last] : lines;
  expect(all.map(({ index }) => index)).toEqual(all.map((_, at) => at));
  return all.map(({ text }) => text);
}

describe('LineSplitter', () => {
  it('gives the same lines however the bytes are cut', () => {
    const lines = fc.array(
      fc.string({ unit: 'grapheme' }).map((line) => line.replaceAll('\n', '')),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(lines, fc.array(fc.nat(60), { maxLength: 10 }), (texts, cuts) => {
        const bytes = Buffer.from(texts.map((text) => `${text}\n`).join(''));
        const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
        const pieces = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
        expect(split(pieces)).toEqual(texts);
      }),
    );
  });

  it('gives a last line without a newline at the end, and none where there is none', () => {
    expect(split([Buffer.from('one\ntwo')])).toEqual(['one', 'two']);
    expect(split([Buffer.from('one\n')])).toEqual(['one']);
    expect(split([])).toEqual([]);
  });

  it('cuts a line that is too long, at the same place however it comes', () => {
    expect(split([Buffer.from('abcdefgh\nij\nabcd\n')], 4)).toEqual(['abcd', 'efgh', 'ij', 'abcd']);
    expect(
      split(
        [...'abcdefgh\nij\nabcd\n'].map((byte) => Buffer.from(byte)),
        4,
      ),
    ).toEqual(['abcd', 'efgh', 'ij', 'abcd']);
  });
});
