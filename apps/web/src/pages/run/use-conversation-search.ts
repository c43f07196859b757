import { useQuery } from '@tanstack/react-query';
import { useDeferredValue, useEffect, useMemo, useState } from 'react';
import { searchQuery, type Outline } from '../../api/queries';
import type { Entry } from './conversation';
import { agentsOf, findWords, isProblem } from './conversation-filter';

/** The way through a conversation, by seqs of messages. */
export interface ConversationSearch {
  /** In the order in which they came. */
  readonly agents: readonly string[];
  readonly problems: readonly number[];
  readonly hasMoreProblems: boolean;
  readonly words: string;
  readonly setWords: (words: string) => void;
  readonly hits: readonly number[];
  readonly hasMoreHits: boolean;
  readonly isSearching: boolean;
}

/** In what the page holds: all of the conversation, what the filter hides too. */
export function useOwnSearch(newest: readonly Entry[]): ConversationSearch {
  const entries = useDeferredValue(newest);
  const [words, setWords] = useState('');
  const agents = useMemo(() => agentsOf(entries), [entries]);
  const hits = useMemo(
    () => findWords(entries, words).flatMap((row) => entries[row]?.place.seq ?? []),
    [entries, words],
  );
  const problems = useMemo(() => entries.flatMap((entry) => (isProblem(entry) ? entry.place.seq : [])), [entries]);
  return { agents, problems, hasMoreProblems: false, words, setWords, hits, hasMoreHits: false, isSearching: false };
}

/** The API names no more of them. */
const MAX_PROBLEMS = 500;

/** A person has stopped typing, ms. */
const PAUSE_MS = 250;

/** On the server: the page holds a part of the conversation. */
export function useRemoteSearch(runId: string, outline: Outline | undefined): ConversationSearch {
  const [words, setWords] = useState('');
  const [wanted, setWanted] = useState('');
  useEffect(() => {
    const timer = setTimeout(() => setWanted(words.trim()), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [words]);
  const { data, isFetching } = useQuery({
    ...searchQuery(runId, wanted),
    enabled: outline !== undefined && wanted !== '',
  });
  const agents = useMemo(
    () => [...new Set(outline?.columns.flatMap((column) => Object.keys(column.agents)) ?? [])],
    [outline],
  );
  return {
    ...{ agents, problems: outline?.problems ?? [], words, setWords },
    hasMoreProblems: (outline?.problems.length ?? 0) >= MAX_PROBLEMS,
    hits: useMemo(() => (wanted === '' ? [] : (data?.items.map(({ seq }) => seq) ?? [])), [data, wanted]),
    hasMoreHits: data !== undefined && data.nextCursor !== null,
    isSearching: isFetching || wanted !== words.trim(),
  };
}
