import { expect, it } from 'vitest';
import { cleanTerminalText, nameInText, stripTerminalCodes } from './clean-terminal-text';

const ESC = '\u001b';

it.each([
  ['keeps colours', `${ESC}[31mred${ESC}[0m`, `${ESC}[31mred${ESC}[0m`],
  ['takes cursor moves and clearing out', `one${ESC}[2J${ESC}[1;1Htwo${ESC}[K`, 'onetwo'],
  ['takes titles and links out', `${ESC}]0;evil\u0007a${ESC}]8;;http://x${ESC}\\b`, 'ab'],
  ['takes a string without an end out', `a${ESC}]0;never ends`, 'a'],
  ['takes bells and backspaces out', 'a\u0007b\u0008c', 'abc'],
  ['shows what a line had at last', ' 10 %\r 50 %\r100 %\ndone\r\n', '100 %\ndone\n'],
  ['keeps a line that ends in a carriage return', 'working\r', 'working'],
])('%s', (_, text, shown) => {
  expect(cleanTerminalText(text)).toBe(shown);
});

it('leaves no code where no colours are shown', () => {
  expect(stripTerminalCodes(`${ESC}[1;31mred${ESC}[0m${ESC}[2K plain${ESC}`)).toBe('red plain');
  expect(stripTerminalCodes('a\rb\r\nc')).toBe('a\nb\nc');
  expect(stripTerminalCodes('\u009b31mred\u0000\u0085')).toBe('red');
});

it('leaves no turn of direction in a name', () => {
  expect(nameInText('\u202egpj.exe\u2066 שלום')).toBe('gpj.exe שלום');
});
