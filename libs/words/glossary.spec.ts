import { readFileSync } from 'node:fs';
import { findEntry, GLOSSARY } from './glossary';
import { STATUS_WORDS } from './run-words';
import { CATCH_UP_WORDS, OVERLAP_WORDS } from './policy-words';

const CRON = readFileSync('docs/cron.md', 'utf8');

it('has each word once, and every status', () => {
  const codes = GLOSSARY.flatMap(({ entries }) => entries.map(({ code }) => code));
  expect(new Set(codes).size).toBe(codes.length);
  for (const status of Object.keys(STATUS_WORDS)) expect(findEntry(status)?.name).toBe(status);
  expect(findEntry('timeout')?.advice).toMatch(/longer timeout/);
  expect(findEntry('nothing-of-the-kind')).toBeUndefined();
});

it.each([...Object.entries(OVERLAP_WORDS), ...Object.entries(CATCH_UP_WORDS)])(
  'says of the policy %s what docs/cron.md says',
  (name, words) => {
    const rows = [...CRON.matchAll(/^\| `(\w+)`(?: \(default\))? \| ([^|]+) \|$/gm)];
    const documented = rows.filter(([, one]) => one === name).map(([, , text = '']) => text.replaceAll('`', ''));
    expect(documented).toContain(words);
  },
);
