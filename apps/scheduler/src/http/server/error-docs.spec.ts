import { readFileSync } from 'node:fs';
import { httpStatusOf } from '@crewtab/api-contract/problem';
import { ERROR_CODES, type ErrorCode } from '@crewtab/domain/errors';

const rows = readFileSync('docs/errors.md', 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) =>
    line
      .split('|')
      .map((cell) => cell.trim())
      .slice(1, -1),
  );

describe('docs/errors.md', () => {
  it('explains every code exactly once, and no other', () => {
    expect(rows.map(([code]) => code?.replaceAll('`', '')).sort()).toEqual(Object.keys(ERROR_CODES).sort());
  });

  it('says for each what it means and what to do', () => {
    for (const cells of rows)
      expect(cells.slice(1).every((cell) => cell.length > 3 || /^\d{3}$/.test(cell))).toBe(true);
  });

  it('has the statuses of the API', () => {
    for (const [code = '', status = ''] of rows.filter((cells) => cells.length === 4)) {
      expect([code, httpStatusOf(code.replaceAll('`', '') as ErrorCode)]).toEqual([code, Number(status)]);
    }
  });
});
