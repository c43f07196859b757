import { expect, it } from 'vitest';
import { previewOf, readCsv } from './artifact-preview';

it.each([
  ['text/markdown; charset=utf-8', false, 'markdown'],
  ['image/png', false, 'image'],
  ['text/x-diff; charset=utf-8', false, 'diff'],
  ['image/svg+xml', true, null],
  ['text/html; charset=utf-8', true, null],
  ['application/octet-stream', true, null],
])('looks at %s (a download: %s) as %s', (contentType, isDownload, preview) => {
  expect(previewOf({ contentType, isDownload })).toBe(preview);
});

it.each([
  [
    'a,b\n1,2\n',
    ',',
    [
      ['a', 'b'],
      ['1', '2'],
    ],
  ],
  ['a,"b, ""c""\nd",e', ',', [['a', 'b, "c"\nd', 'e']]],
  [
    'a\tb\r\n1\t2',
    '\t',
    [
      ['a', 'b'],
      ['1', '2'],
    ],
  ],
  ['', ',', []],
])('reads the table %j', (text, separator, rows) => {
  expect(readCsv(text, separator, 10)).toEqual(rows);
});

it('stops after so many rows', () => {
  expect(readCsv('1\n2\n3\n', ',', 2)).toEqual([['1'], ['2']]);
});
