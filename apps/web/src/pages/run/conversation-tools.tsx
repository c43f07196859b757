import { ChevronDown, ChevronUp, Search, TriangleAlert } from 'lucide-react';
import { LEVELS, nextPlace, type ConversationFilter, type Level } from './conversation-filter';
import type { ConversationSearch } from './use-conversation-search';

const LEVEL_NAMES: Readonly<Record<Level, string>> = { words: 'Words', work: 'Work', all: 'All' };

/** What of a conversation is shown, and the way through it: search, the next problem. */
export function ConversationTools({
  search: { agents, problems, hasMoreProblems, words, setWords, hits, hasMoreHits, isSearching },
  filter,
  onFilter,
  chosen,
  onChoose,
}: {
  readonly search: ConversationSearch;
  readonly filter: ConversationFilter;
  readonly onFilter: (filter: ConversationFilter) => void;
  /** The seq of the row that is chosen; null: none. */
  readonly chosen: number | null;
  readonly onChoose: (seq: number) => void;
}) {
  const go = (places: readonly number[], step: 1 | -1): void => {
    const next = nextPlace(places, chosen ?? 0, step);
    if (next !== null) onChoose(next);
  };
  const place = chosen === null ? -1 : hits.indexOf(chosen);
  const count = `${hits.length}${hasMoreHits ? '+' : ''}`;
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-1.5 border-b border-line px-3 py-1.5">
      <div role="group" aria-label="How much is shown" className="flex rounded-md border border-line text-xs">
        {(Object.keys(LEVELS) as Level[]).map((level) => (
          <button
            key={level}
            type="button"
            aria-pressed={filter.level === level}
            title={LEVELS[level]}
            onClick={() => onFilter({ ...filter, level })}
            className="h-7 px-2.5 text-soft first:rounded-l-md last:rounded-r-md aria-pressed:bg-hover aria-pressed:font-medium aria-pressed:text-ink"
          >
            {LEVEL_NAMES[level]}
          </button>
        ))}
      </div>
      {agents.length > 1 && (
        <select
          aria-label="Agent"
          className="h-7 max-w-40 rounded-md border border-line bg-surface px-1.5 text-xs"
          value={filter.agent ?? ''}
          onChange={({ target }) => onFilter({ ...filter, agent: target.value === '' ? null : target.value })}
        >
          <option value="">all agents</option>
          {agents.map((agent) => (
            <option key={agent}>{agent}</option>
          ))}
        </select>
      )}
      {problems.length > 0 && (
        <button
          type="button"
          onClick={() => go(problems, 1)}
          className="inline-flex h-7 items-center gap-1 rounded-md px-2 text-xs text-failed hover:bg-failed-soft"
        >
          <TriangleAlert className="size-3.5" aria-hidden />
          {problems.length === 1 ? '1 problem' : `${problems.length}${hasMoreProblems ? '+' : ''} problems`}
        </button>
      )}
      <div
        role="search"
        className="ml-auto flex h-7 min-w-0 items-center gap-1 rounded-md border border-line px-2 text-xs"
      >
        <Search className="size-3.5 shrink-0 text-soft" aria-hidden />
        <input
          type="search"
          aria-label="Search the conversation"
          placeholder="search"
          value={words}
          onChange={({ target }) => setWords(target.value)}
          onKeyDown={(event) => {
            if (event.key === 'Enter') go(hits, event.shiftKey ? -1 : 1);
          }}
          data-filter=""
          className="w-24 min-w-0 bg-transparent outline-none placeholder:text-soft rail:w-36"
        />
        {words.trim() !== '' && (
          <>
            <span role="status" className="whitespace-nowrap text-soft">
              {isSearching ? '…' : hits.length === 0 ? 'none' : place === -1 ? count : `${place + 1} of ${count}`}
            </span>
            <button type="button" aria-label="The hit before" disabled={hits.length === 0} onClick={() => go(hits, -1)}>
              <ChevronUp className="size-3.5" aria-hidden />
            </button>
            <button type="button" aria-label="The next hit" disabled={hits.length === 0} onClick={() => go(hits, 1)}>
              <ChevronDown className="size-3.5" aria-hidden />
            </button>
          </>
        )}
      </div>
    </div>
  );
}
