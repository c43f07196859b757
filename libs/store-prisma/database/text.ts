/** What Postgres cannot store in text or jsonb, and what stands in its place. */
const REPLACEMENT = '\uFFFD';

/**
 * Postgres's text has no U+0000. (Lone surrogates are no problem here: the driver's UTF-8 encoder replaces them.)
 */
export function storableText(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', REPLACEMENT) : text;
}

/**
 * JSON that jsonb takes: JSON.stringify writes U+0000 and lone surrogates as escapes, and jsonb refuses both. No
 * character is lost otherwise.
 */
export function storableJson(value: unknown): string {
  const json = JSON.stringify(value);
  if (!json.includes('\\u0000') && !json.includes('\\ud')) return json;
  // An escape is looked at as a whole, so that the text `\\u0000` (a backslash and then u0000) stays what it is.
  return json.replace(/\\(?:u0000|ud[89a-f][0-9a-f]{2}|.)/g, (escape) =>
    escape === '\\u0000' || escape.startsWith('\\ud') ? REPLACEMENT : escape,
  );
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Sorts before every other id. */
export const LOWEST_ID = '00000000-0000-0000-0000-000000000000';

/** Ids are opaque to callers, so what cannot be one is simply not there. */
export function isId(text: string): boolean {
  return UUID.test(text);
}
