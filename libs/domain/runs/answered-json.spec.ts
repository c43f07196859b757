import { answeredJson } from './answered-json';

describe('the JSON of an answer', () => {
  it.each([
    ['its whole text', ' {"a": 1}\n', { a: 1 }],
    ['its only marked block', 'Here it is:\n\n```json\n{"a": 1}\n```\nDone.', { a: 1 }],
    ['its last marked block', '```json\n{"a": 1}\n```\nand now\n```json\n{"a": 2}\n```\n', { a: 2 }],
    ['none', 'All is well.', undefined],
    ['none where the block is broken', '```json\n{"a": \n```', undefined],
    ['none of a block that is not marked', '```\n{"a": 1}\n```', undefined],
  ])('is %s', (_what, text, value) => expect(answeredJson(text)).toEqual(value));
});
