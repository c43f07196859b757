import { expect, it } from 'vitest';
import type { Revision } from '../../api/client';
import { differencesOf } from './revision-differences';

const fields: Revision['fields'] = {
  ...{ name: 'links', teamId: 't', cron: '@daily', timezone: 'UTC', prompt: 'Check.', enabled: true },
  ...{ timeout: '1h', overlap: 'skip', catchUp: 'latest', catchUpWindow: '1h' },
};

it('names each field that changed, with both values', () => {
  expect(differencesOf(fields, { ...fields, timeout: '5m', enabled: false })).toEqual([
    { field: 'timeout', words: 'timeout', from: '1h', to: '5m' },
    { field: 'enabled', words: 'enabled', from: 'true', to: 'false' },
  ]);
  expect(differencesOf(fields, fields)).toEqual([]);
});

it('shows of a long prompt where it begins to differ', () => {
  const same = 'x'.repeat(500);
  const [prompt] = differencesOf({ ...fields, prompt: `${same}old` }, { ...fields, prompt: `${same}new` });
  expect(prompt).toMatchObject({ from: `…${'x'.repeat(24)}old`, to: `…${'x'.repeat(24)}new` });
});
