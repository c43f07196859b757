import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { STATUSES } from '../status/status-words';
import { findEntry, GLOSSARY } from './glossary';
import { CATCH_UP_WORDS, OVERLAP_WORDS } from './policy-words';

const CRON = readFileSync(new URL('../../../../docs/cron.md', import.meta.url), 'utf8');

it('has each word once, and every status', () => {
  const codes = GLOSSARY.flatMap(({ entries }) => entries.map(({ code }) => code));
  expect(new Set(codes).size).toBe(codes.length);
  for (const status of STATUSES) expect(findEntry(status)?.name).toBe(status);
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
