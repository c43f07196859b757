import type { Schedule } from '../../api/client';

type Variables = Schedule['variables'];

const LITERAL = /^(?:-?\d+(?:\.\d+)?|true|false)$/;

/** One a line: `name = value`. A text that could be taken for something else, or has lines of its own, is written as JSON. */
export function writeVariables(variables: Variables): string {
  return Object.entries(variables)
    .map(([name, value]) => `${name} = ${typeof value === 'string' && isOdd(value) ? JSON.stringify(value) : value}`)
    .join('\n');
}

/** What cannot be read is sent as it stands, so that the API says what is wrong with it. */
export function readVariables(text: string): Variables {
  const entries = text.split('\n').flatMap((line): [string, Variables[string]][] => {
    if (line.trim() === '') return [];
    const [name = '', ...rest] = line.split('=');
    return [[name.trim(), readValue(rest.join('=').trim())]];
  });
  return Object.fromEntries(entries);
}

function readValue(text: string): Variables[string] {
  if (LITERAL.test(text)) return text === 'true' ? true : text === 'false' ? false : Number(text);
  if (!text.startsWith('"')) return text;
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'string' ? parsed : text;
  } catch {
    return text;
  }
}

function isOdd(value: string): boolean {
  return LITERAL.test(value) || value.startsWith('"') || value.trim() !== value || value.includes('\n');
}
