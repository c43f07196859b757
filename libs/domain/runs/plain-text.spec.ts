import { StderrTail } from './agent-output';
import { plainText } from './plain-text';

describe('plain text', () => {
  it.each([
    ['colours', '\x1b[1;31merror\x1b[0m: no key', 'error: no key'],
    ["a terminal's title", '\x1b]0;agent\x07ready', 'ready'],
    ['a link', '\x1b]8;;https://example.com\x1b\\here\x1b]8;;\x1b\\', 'here'],
    ['a sequence that is cut off', 'no key\x1b[3', 'no key[3'],
    ['bells and nulls', 'a\x07b\x00c\x7f', 'abc'],
    ['nothing of what is no control', 'größe 世界 🎉\n\tnext', 'größe 世界 🎉\n\tnext'],
  ])('is without %s', (_what, text, plain) => {
    expect(plainText(text)).toBe(plain);
  });
});

describe('the end of stderr', () => {
  it('is plain, and of a progress bar what it wrote last', () => {
    const tail = new StderrTail();
    tail.add('Loading 10 %\rLoading 100 %\r');
    tail.add('\x1b[31m   \x1b[0m');
    tail.add('\x1b[31mfatal: no key\x1b[0m');
    expect(tail.words).toBe('; its last words on stderr:\nLoading 100 %\nfatal: no key');
  });

  it('is bounded, however long a line is', () => {
    const tail = new StderrTail();
    for (let line = 0; line < 10; line++) tail.add(`${'\x1b[0m'.repeat(100_000)}${'x'.repeat(100_000)}`);
    expect(tail.words.length).toBeLessThan(600);
  });
});
