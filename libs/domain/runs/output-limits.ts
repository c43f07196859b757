import type { ErrorCode } from '../errors';

/** What one line of JSON may be. Held before it is parsed: parsing is what costs. */
export interface JsonLimits {
  /** Members of an array that is the whole line: messages that come as one batch. */
  readonly batchEntries: number;
  /** Arrays and objects within each other. */
  readonly depth: number;
  /** Members of all arrays and objects together. */
  readonly values: number;
}

export const DEFAULT_JSON_LIMITS: JsonLimits = { batchEntries: 1_000, depth: 64, values: 100_000 };

/** Of a line of output, bytes: the default. */
export const LONGEST_LINE_BYTES = 16 * 1024 * 1024;

export type JsonCheck =
  /** No JSON (`JSON.parse` throws), or what `JSON.parse` may be given. */
  | { readonly is: 'no_json' | 'within_limits' }
  | { readonly is: 'beyond'; readonly code: Extract<ErrorCode, 'batch_limit' | 'json_limit'>; readonly words: string };

const NO_JSON: JsonCheck = { is: 'no_json' };
const WITHIN: JsonCheck = { is: 'within_limits' };

const PLAIN = 1;
const QUOTE = 2;
const OPEN = 3;
const CLOSE = 4;
const COMMA = 5;

/** What a character is outside of strings; plain is white space, and what numbers, `true`, `false` and `null` are made of. */
const MARKS = new Uint8Array(128);
const mark = (chars: string, as: number): void => {
  for (const char of chars) MARKS[char.charCodeAt(0)] = as;
};
mark(' \t\r\n0123456789+-.eEtrufalsn:', PLAIN);
mark('"', QUOTE);
mark('[{', OPEN);
mark(']}', CLOSE);
mark(',', COMMA);

/**
 * Looks through a text for the limits, in one pass that makes no objects and ends at the first limit that is passed. Text
 * that cannot be JSON is known by its first character that JSON has no place for.
 */
export function checkJson(text: string, limits: JsonLimits): JsonCheck {
  let depth = 0;
  let entries = 0;
  let values = 0;
  const isBatch = /^\s*\[/.test(text);
  for (let at = 0; at < text.length; at++) {
    switch (MARKS[text.charCodeAt(at)]) {
      case QUOTE:
        at = endOfString(text, at);
        if (at < 0) return NO_JSON;
        continue;
      case OPEN:
        depth += 1;
        values += 1;
        break;
      case CLOSE:
        depth -= 1;
        if (depth < 0) return NO_JSON;
        continue;
      case COMMA:
        values += 1;
        if (depth === 1) entries += 1;
        break;
      case PLAIN:
        continue;
      default:
        return NO_JSON;
    }
    if (depth > limits.depth) return beyond('json_limit', `JSON that is nested deeper than ${limits.depth} levels`);
    if (isBatch && entries >= limits.batchEntries)
      return beyond('batch_limit', `a batch of more than ${limits.batchEntries} messages`);
    if (values > limits.values) return beyond('json_limit', `JSON of more than ${limits.values} values in one line`);
  }
  return WITHIN;
}

/** Where the quote is that ends the string which begins at `start`; -1 without one. */
function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let backslashes = 0;
    while (text[quote - 1 - backslashes] === '\\') backslashes += 1;
    if (backslashes % 2 === 0) return quote;
  }
  return -1;
}

function beyond(code: 'batch_limit' | 'json_limit', words: string): JsonCheck {
  return { is: 'beyond', code, words };
}
