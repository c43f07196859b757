import { expect, it } from 'vitest';
import { bodyOf, mergeDraft, touchedOf, type Draft } from './draft';

const base: Draft = {
  ...{ teamId: 't', name: 'links', prompt: 'Check.', cron: '@daily', timezone: 'UTC' },
  ...{ timeout: '1h', overlap: 'skip', catchUp: 'latest', catchUpWindow: '1h' },
  ...{ allowEmpty: false, allowOpenToolCalls: false, verify: null, artifacts: null },
  ...{ promptFormat: 'template', variables: 'a = 1' },
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

it('has variables as they are typed, and sends them as the API takes them', () => {
  const merged = mergeDraft(base, base, { variables: { a: 2, b: 'x' } });
  expect(merged.mine.variables).toBe('a = 2\nb = x');
  expect(merged.taken).toEqual(['variables']);
  expect(mergeDraft(base, base, { variables: { a: 1 } }).taken).toEqual([]);
  expect(bodyOf(touchedOf(base, { ...base, variables: 'a = 3' }))).toEqual({ variables: { a: 3 } });
  expect(bodyOf({ name: 'x' })).toEqual({ name: 'x' });
});

it('keeps mine where both changed a field, and says so', () => {
  const merged = mergeDraft(base, { ...base, prompt: 'Mine.', name: 'same' }, { prompt: 'Theirs.', name: 'same' });
  expect(merged.conflicts).toEqual(['prompt']);
  expect(merged.base.prompt).toBe('Theirs.');
  expect(touchedOf(merged.base, merged.mine)).toEqual({ prompt: 'Mine.' });
});
