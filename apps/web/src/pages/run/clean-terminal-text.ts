/** Colours, and nothing else that begins with escape: `ESC [ … m`. */
const NOT_A_COLOR = new RegExp(
  [
    // Control sequences that end in another letter than m: cursor moves, clearing.
    '\u001b\\[[0-?]*[ -/]*[@-ln-~]',
    // Titles, links and other strings to the terminal, up to their end.
    '\u001b[\\]P_^X][^\u0007\u001b]*(?:\u0007|\u001b\\\\|$)',
    // Escapes of two characters.
    '\u001b[^\\[\\]P_^X]',
  ].join('|'),
  'g',
);

/** Control characters but tab, line feed, carriage return and escape. */
// eslint-disable-next-line no-control-regex -- these are what is taken out
const CONTROLS = /[\u0000-\u0008\u000b\u000c\u000e-\u001a\u001c-\u001f\u007f]/g;

/**
 * What of a terminal's text a page can show: its colours and lines. A line that was written over by carriage returns shows
 * what stood there last, as a terminal would; cursor moves and titles are taken out.
 */
export function cleanTerminalText(text: string): string {
  return text
    .replaceAll(NOT_A_COLOR, '')
    .replaceAll(CONTROLS, '')
    .replaceAll('\r\n', '\n')
    .split('\n')
    .map((line) => line.slice(line.lastIndexOf('\r', line.length - 2) + 1).replaceAll('\r', ''))
    .join('\n');
}

// eslint-disable-next-line no-control-regex -- colours begin with escape
const COLOR = /\u001b\[[\d;:]*m|\u001b/g;

/** Text without any of a terminal's codes, its colours too. */
export function stripTerminalCodes(text: string): string {
  return text.includes('\u001b') ? cleanTerminalText(text).replaceAll(COLOR, '') : text;
}
