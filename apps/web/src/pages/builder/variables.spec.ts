import { expect, it } from 'vitest';
import { readVariables, writeVariables } from './variables';

it('reads variables as it writes them', () => {
  const variables = {
    a: 'web',
    n: 3,
    half: -0.5,
    is: true,
    text: '3',
    yes: 'true',
    lines: 'a\nb',
    q: '"x"',
    e: '',
    u: 'a=b',
  };
  expect(readVariables(writeVariables(variables))).toEqual(variables);
});

it('reads what a person typed', () => {
  expect(readVariables('a = web \n\n n=3\nodd\nq = "x')).toEqual({ a: 'web', n: 3, odd: '', q: '"x' });
});
