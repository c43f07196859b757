import { diffLines } from 'diff';
import { useMemo } from 'react';
import type { Diff } from './tool-output';

/** Beyond these, finding what changed takes too long; both sides are shown whole then. */
const MOST_CHARACTERS = 200_000;
const LONGEST_MS = 200;
/** Lines that are the same around a change. */
const CONTEXT_LINES = 3;

const LOOKS = {
  '+': 'bg-success/10 text-success',
  '-': 'bg-failed/10 text-failed',
  ' ': '',
  '…': 'text-soft',
} as const;
type Mark = keyof typeof LOOKS;

/** What changed between two texts, line by line, with a few lines around. */
export function DiffView({ before, after }: { readonly before: string; readonly after: string }) {
  const lines = useMemo(() => diffOf(before, after), [before, after]);
  return (
    <pre dir="auto" className="font-mono text-xs whitespace-pre-wrap [overflow-wrap:anywhere]">
      {lines.map(({ mark, text }, index) => (
        <span key={index} className={`block ${LOOKS[mark]}`}>
          <span aria-hidden className="inline-block w-4 select-none">
            {mark}
          </span>
          {mark === '+' && <span className="sr-only">added: </span>}
          {mark === '-' && <span className="sr-only">removed: </span>}
          {text}
        </span>
      ))}
    </pre>
  );
}

export function FileDiff({ diff: { path, before, after } }: { readonly diff: Diff }) {
  return (
    <div className="py-1">
      <div className="text-xs text-soft">
        <bdi className="font-mono">{path}</bdi>
        {before === null && ' (new file)'}
      </div>
      <DiffView before={before ?? ''} after={after} />
    </div>
  );
}

interface Line {
  readonly mark: Mark;
  readonly text: string;
}

export function diffOf(before: string, after: string): readonly Line[] {
  const changes =
    before.length + after.length > MOST_CHARACTERS ? undefined : diffLines(before, after, { timeout: LONGEST_MS });
  if (!changes) return [...linesOf(before, '-'), ...linesOf(after, '+')];
  return changes.flatMap(({ value, added, removed }, index) => {
    if (added) return linesOf(value, '+');
    if (removed) return linesOf(value, '-');
    const same = linesOf(value, ' ');
    const head = index === 0 ? 0 : CONTEXT_LINES;
    const tail = index === changes.length - 1 ? 0 : CONTEXT_LINES;
    const left = same.length - head - tail;
    if (left <= 1) return same;
    return [
      ...same.slice(0, head),
      { mark: '…', text: `${left} lines are the same` } as const,
      ...same.slice(same.length - tail),
    ];
  });
}

function linesOf(text: string, mark: Mark): Line[] {
  if (text === '') return [];
  return text
    .replace(/\n$/, '')
    .split('\n')
    .map((line) => ({ mark, text: line }));
}
