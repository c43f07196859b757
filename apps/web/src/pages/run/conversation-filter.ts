import type { Entry } from './conversation';

/** How much of a conversation a person wants to see; each level has what the one before it has. */
export const LEVELS = {
  words: 'what the agents say to each other, and the answer',
  work: 'also tools, plans, permissions and the network',
  all: 'also thoughts, stderr and what the protocol brings besides',
} as const;
export type Level = keyof typeof LEVELS;

const LEVEL_OF: Readonly<Record<Entry['kind'], Level>> = {
  prompt: 'words',
  says: 'words',
  delegation: 'words',
  artifact: 'words',
  verification: 'words',
  tool: 'work',
  plan: 'work',
  permission: 'work',
  network: 'work',
  system: 'work',
  thinks: 'all',
  stderr: 'all',
  other: 'all',
};
const ORDER = Object.keys(LEVELS) as Level[];

export interface ConversationFilter {
  readonly level: Level;
  /** Null: every agent. */
  readonly agent: string | null;
}

/**
 * The rows that a filter leaves. What went wrong stands at every level, and so does the row that a person is led to.
 *
 * @param chosen the seq at which that row begins; null: none
 */
export function filterEntries(
  entries: readonly Entry[],
  { level, agent }: ConversationFilter,
  chosen: number | null = null,
): readonly Entry[] {
  if (level === 'all' && agent === null) return entries;
  const shown = ORDER.indexOf(level);
  return entries.filter(
    (entry) =>
      entry.place.seq === chosen ||
      ((ORDER.indexOf(LEVEL_OF[entry.kind]) <= shown || isProblem(entry)) &&
        (agent === null || entry.place.agent === agent || (entry.kind === 'delegation' && entry.to === agent))),
  );
}

/** A tool that failed, a permission or a connection that was refused, a task that came to nothing. */
export function isProblem(entry: Entry): boolean {
  switch (entry.kind) {
    case 'tool':
      return entry.state === 'failed';
    case 'permission':
      return entry.decision !== 'allowed';
    case 'network':
      return entry.isRefused;
    case 'delegation':
    case 'verification':
      return entry.isFailed;
    default:
      return false;
  }
}

/** The agents that take part, in the order in which they came. */
export function agentsOf(entries: readonly Entry[]): readonly string[] {
  return [...new Set(entries.flatMap(({ place }) => (place.agent === null ? [] : [place.agent])))];
}

/** The places among the rows whose text has the words, whatever their case. */
export function findWords(entries: readonly Entry[], words: string): readonly number[] {
  const wanted = words.trim().toLowerCase();
  if (wanted === '') return [];
  return entries.flatMap((entry, index) =>
    textsOf(entry).some((text) => text.toLowerCase().includes(wanted)) ? index : [],
  );
}

/** The next place behind `from`, or the first one where there is none: searching goes round. */
export function nextPlace(places: readonly number[], from: number, step: 1 | -1): number | null {
  if (places.length === 0) return null;
  const next = step === 1 ? places.find((place) => place > from) : places.findLast((place) => place < from);
  return next ?? (step === 1 ? places[0] : places.at(-1)) ?? null;
}

function textsOf(entry: Entry): readonly string[] {
  switch (entry.kind) {
    case 'tool':
      return [
        entry.title,
        asText(entry.input),
        entry.output,
        ...entry.diffs.flatMap(({ path, before, after }) => [path, before ?? '', after]),
      ];
    case 'plan':
      return entry.steps.map(({ content }) => content);
    case 'delegation':
      return [entry.to, entry.task, entry.answer ?? ''];
    case 'permission':
      return [entry.title, entry.option, asText(entry.request)];
    case 'artifact':
      return entry.paths;
    case 'verification':
      return [entry.text, ...entry.checks.flatMap(({ name, message }) => [name, message])];
    case 'other':
      return [entry.name, asText(entry.content)];
    default:
      return [entry.text];
  }
}

/** JSON of what is no text. */
export function asText(value: unknown): string {
  if (value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2);
}
