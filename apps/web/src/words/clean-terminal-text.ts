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
const CONTROLS = /[\u0000-\u0008\u000b\u000c\u000e-\u001a\u001c-\u001f\u007f-\u009f]/g;
/** The one character that stands for `ESC [`. */
const SEQUENCE = '\u009b';

/**
 * What of a terminal's text a page can show: its colours and lines. A line that was written over by carriage returns shows
 * what stood there last, as a terminal would; cursor moves and titles are taken out.
 */
export function cleanTerminalText(text: string): string {
  return withoutCodes(text)
    .replaceAll('\r\n', '\n')
    .split('\n')
    .map((line) => line.slice(line.lastIndexOf('\r', line.length - 2) + 1).replaceAll('\r', ''))
    .join('\n');
}

// eslint-disable-next-line no-control-regex -- colours begin with escape
const COLOR = /\u001b\[[\d;:]*m|\u001b/g;

/** Text without any of a terminal's codes, its colours too. A carriage return begins a line, and hides nothing. */
export function stripTerminalCodes(text: string): string {
  return withoutCodes(text).replaceAll(COLOR, '').replaceAll(/\r\n?/g, '\n');
}

function withoutCodes(text: string): string {
  return text.replaceAll(SEQUENCE, '\u001b[').replaceAll(NOT_A_COLOR, '').replaceAll(CONTROLS, '');
}

/** Makes letters run from right to left, or ends that: a title and what stands beside it in one would be turned as well. */
const DIRECTIONS = /[\u202a-\u202e\u2066-\u2069]/g;

/** A name for places that have no `bdi`: titles of windows, notifications. */
export function nameInText(name: string): string {
  return name.replaceAll(DIRECTIONS, '');
}
