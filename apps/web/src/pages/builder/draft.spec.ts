import { expect, it } from 'vitest';
import { mergeDraft, touchedOf, type Draft } from './draft';

const base: Draft = {
  ...{ teamId: 't', name: 'links', prompt: 'Check.', cron: '@daily', timezone: 'UTC' },
  ...{ timeout: '1h', overlap: 'skip', catchUp: 'latest', catchUpWindow: '1h' },
  ...{ allowEmpty: false, allowOpenToolCalls: false },
};

it('sends what was touched, and nothing that was put back', () => {
  expect(touchedOf(base, { ...base, allowEmpty: true })).toEqual({ allowEmpty: true });
  expect(touchedOf(base, { ...base, timeout: '2h', name: 'links' })).toEqual({ timeout: '2h' });
});

it('takes what others changed where I changed nothing', () => {
  const merged = mergeDraft(base, { ...base, prompt: 'Mine.' }, { timeout: '5m', enabled: false });
  expect(merged.mine).toEqual({ ...base, prompt: 'Mine.', timeout: '5m' });
  expect(merged.taken).toEqual(['timeout']);
  expect(touchedOf(merged.base, merged.mine)).toEqual({ prompt: 'Mine.' });
});

it('keeps mine where both changed a field, and says so', () => {
  const merged = mergeDraft(base, { ...base, prompt: 'Mine.', name: 'same' }, { prompt: 'Theirs.', name: 'same' });
  expect(merged.conflicts).toEqual(['prompt']);
  expect(merged.base.prompt).toBe('Theirs.');
  expect(touchedOf(merged.base, merged.mine)).toEqual({ prompt: 'Mine.' });
});
