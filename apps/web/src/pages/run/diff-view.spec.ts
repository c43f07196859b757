import { expect, it } from 'vitest';
import { diffOf } from './diff-view';

const show = (before: string, after: string) => diffOf(before, after).map(({ mark, text }) => `${mark}${text}`);

it('shows what changed with three lines around, and how much is left out', () => {
  const lines = Array.from({ length: 20 }, (_, index) => `line ${index + 1}`);
  const changed = lines.with(9, 'another');
  expect(show(lines.join('\n'), changed.join('\n'))).toEqual([
    ...[
      '…6 lines are the same',
      ' line 7',
      ' line 8',
      ' line 9',
      '-line 10',
      '+another',
      ' line 11',
      ' line 12',
      ' line 13',
    ],
    '…7 lines are the same',
  ]);
});

it('shows a new file as added, and both sides of what is too large to compare', () => {
  expect(show('', 'a\nb\n')).toEqual(['+a', '+b']);
  const large = 'x'.repeat(150_000);
  expect(show(large, `${large}y`).map((line) => line[0])).toEqual(['-', '+']);
});
