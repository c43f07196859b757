import { readFileSync } from 'node:fs';
import { ADVICE, type Advice } from './advice';
import { REQUEST_ADVICE } from './request-advice';

const DOCUMENT = readFileSync('docs/errors.md', 'utf8');
/** Codes that no run ends with. */
const NOT_OF_RUNS = ['Requests', 'Between the parts'];

/** Without Markdown's marks. */
const plain = (text: string): string => text.replace(/\[([^\]]+)\]\([^)]+\)/g, '$1').replaceAll('`', '');

function documented(isOfRuns: boolean): Record<string, Advice> {
  const sections = DOCUMENT.split(/^## /m).filter(
    (section) => NOT_OF_RUNS.includes(section.split('\n')[0] ?? '') !== isOfRuns,
  );
  const rows = sections.flatMap((section) => [...section.matchAll(/^\| `(\w+)` \|(?: \d+ \|)? (.+) \| (.+) \|$/gm)]);
  const all: Record<string, Advice> = {};
  for (const [, code = '', meaning = '', advice = ''] of rows)
    all[code] = { meaning: plain(meaning), advice: plain(advice) };
  return all;
}

it('says of every code what docs/errors.md says', () => {
  expect(Object.keys(documented(true)).length).toBeGreaterThan(20);
  expect(ADVICE).toEqual(documented(true));
  expect(Object.keys(documented(false)).length).toBeGreaterThan(10);
  expect(REQUEST_ADVICE).toEqual(documented(false));
});
