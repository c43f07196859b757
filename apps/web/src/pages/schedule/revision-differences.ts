import type { Revision } from '../../api/client';

type Fields = Revision['fields'];

const WORDS: Readonly<Record<keyof Fields, string>> = {
  name: 'name',
  teamId: 'team',
  cron: 'cron',
  timezone: 'zone',
  prompt: 'prompt',
  timeout: 'timeout',
  overlap: 'overlap',
  catchUp: 'catch-up',
  catchUpWindow: 'catch-up window',
  promptFormat: 'kind of prompt',
  variables: 'variables',
  allowEmpty: 'may say nothing',
  allowOpenToolCalls: 'may leave tool calls open',
  verify: 'verified by',
  artifacts: 'kept files',
  enabled: 'enabled',
};

/** What a revision is restored of: whether it is paused is another act. */
export const RESTORABLE = (Object.keys(WORDS) as (keyof Fields)[]).filter((field) => field !== 'enabled');

export interface Difference {
  readonly field: keyof Fields;
  readonly words: string;
  readonly from: string;
  readonly to: string;
}

/** What changed, field by field; of a prompt only where it begins to differ. */
export function differencesOf(from: Fields, to: Fields): Difference[] {
  return (
    (Object.keys(WORDS) as (keyof Fields)[])
      // Older revisions lack some fields.
      .filter(
        (field) => wordsOf(from[field]) !== wordsOf(to[field]) && from[field] !== undefined && to[field] !== undefined,
      )
      .map((field) => ({
        field,
        words: WORDS[field],
        ...(field === 'prompt'
          ? aroundChange(from.prompt, to.prompt)
          : { from: wordsOf(from[field]), to: wordsOf(to[field]) }),
      }))
  );
}

function wordsOf(value: Fields[keyof Fields]): string {
  if (value === null) return 'nothing';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

const CONTEXT = 24;
const LENGTH = 160;

function aroundChange(from: string, to: string): { readonly from: string; readonly to: string } {
  let same = 0;
  while (same < from.length && from[same] === to[same]) same++;
  const start = Math.max(0, same - CONTEXT);
  const cut = (text: string): string => {
    const shown = text.slice(start, start + LENGTH);
    return `${start > 0 ? '…' : ''}${shown}${start + LENGTH < text.length ? '…' : ''}`;
  };
  return { from: cut(from), to: cut(to) };
}
