import { baseOfGlob, matchesGlob } from './glob';

describe('matchesGlob', () => {
  it.each([
    ['report.md', 'report.md'],
    ['*.md', 'report.md'],
    ['*', '.hidden'],
    ['reports/*.md', 'reports/today.md'],
    ['reports/', 'reports/deep/below.txt'],
    ['reports', 'reports/today.md'],
    ['**/*.csv', 'top.csv'],
    ['**/*.csv', 'a/b/c/deep.csv'],
    ['**', 'anything/at/all'],
    ['a/**/z', 'a/z'],
    ['a/**/z', 'a/b/c/z'],
    ['screen-?.png', 'screen-1.png'],
    ['./out/*', 'out/x'],
    ['a*b*c', 'a-b-b-c'],
    ['[draft].md', '[draft].md'],
  ])('%s matches %s', (glob, path) => expect(matchesGlob(glob, path)).toBe(true));

  it.each([
    ['*.md', 'reports/today.md'],
    ['report.md', 'report.md.bak'],
    ['reports/*.md', 'reports/deep/today.md'],
    ['a/**/z', 'a/b/y'],
    ['screen-?.png', 'screen-10.png'],
    ['[ab].md', 'a.md'],
    ['', 'x'],
  ])('%s does not match %s', (glob, path) => expect(matchesGlob(glob, path)).toBe(false));

  it('takes no long time over a glob that is made for it', () => {
    expect(matchesGlob(`${'*a'.repeat(100)}b`, 'a'.repeat(5_000))).toBe(false);
    expect(matchesGlob(`${'**/'.repeat(100)}x`, `${'a/'.repeat(1_000)}y`)).toBe(false);
  });
});

describe('baseOfGlob', () => {
  it.each([
    ['reports/2026/*.md', 'reports/2026'],
    ['reports/today.md', 'reports/today.md'],
    ['**/*.md', ''],
    ['*.md', ''],
    ['a/b?/c', 'a'],
  ])('of %s is "%s"', (glob, base) => expect(baseOfGlob(glob)).toBe(base));
});
