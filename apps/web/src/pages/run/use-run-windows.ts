import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { api, type Message } from '../../api/client';
import { Conversation, type Entry } from './conversation';
import type { RunStream } from './use-run-stream';

/** Messages that are asked for at a time, and that are held: what lies farther away is let go of. */
const WINDOW = 500;
const HELD = 5_000;
/** Where rows are counted from: rows before the first one that was seen need numbers too. */
const FIRST_ROW = 1_000_000;

/** A part of the conversation of a finished run, and the ways to its other parts. */
export interface RunWindows extends RunStream {
  /** Of the run's last message. */
  readonly lastSeq: number;
  /** What is held; the first is greater than the last while nothing is. */
  readonly from: number;
  readonly to: number;
  /** Changes when what is held was left for another part. */
  readonly part: number;
  /** The number of the first row, so that rows keep theirs when others come before them. */
  readonly firstRow: number;
  readonly loadEarlier: () => void;
  readonly loadLater: () => void;
  /** Goes to the part around a message, unless that is held. */
  readonly show: (seq: number) => void;
}

interface Held {
  readonly messages: readonly Message[];
  readonly entries: readonly Entry[];
  readonly placeOf: RunStream['placeOf'];
  readonly part: number;
  readonly firstRow: number;
}

const NOTHING: Held = { messages: [], entries: [], placeOf: () => undefined, part: 0, firstRow: FIRST_ROW };

/**
 * @param lastSeq null: the conversation is not read in parts
 * @param at the message that the address leads to
 */
export function useRunWindows(runId: string, lastSeq: number | null, at: number | null): RunWindows {
  const [held, setHeld] = useState(NOTHING);
  const [error, setError] = useState<Error | null>(null);
  const [hasBegun, setBegun] = useState(false);
  const isBusy = useRef(false);
  /** Of the newest request: what an earlier one brings is of a part that was left. */
  const newest = useRef(0);
  const first = held.messages[0]?.seq ?? 1;
  const last = held.messages.at(-1)?.seq ?? 0;

  const read = useCallback(
    async (query: Query, take: (before: Held, messages: readonly Message[]) => Held): Promise<void> => {
      const own = ++newest.current;
      isBusy.current = true;
      try {
        const messages = await readMessages(runId, query);
        if (own !== newest.current) return;
        setHeld((before) => take(before, messages));
        setError(null);
      } catch (problem) {
        if (own !== newest.current) return;
        setError(problem instanceof Error ? problem : new Error(String(problem)));
      } finally {
        if (own === newest.current) {
          setBegun(true);
          isBusy.current = false;
        }
      }
    },
    [runId],
  );
  const show = useCallback(
    (seq: number): void => {
      void read({ around: Math.max(1, seq) }, ({ part }, messages) => ({
        ...{ messages, ...fold(messages), part: part + 1, firstRow: FIRST_ROW },
      }));
    },
    [read],
  );

  useEffect(() => {
    if (lastSeq !== null && (at === null ? last === 0 : at < first || at > last)) show(at ?? 1);
    // Only where the address leads elsewhere: what is held changes with every part that comes.
  }, [lastSeq, at, show]);

  return useMemo(
    () => ({
      ...{ entries: held.entries, placeOf: held.placeOf, error, hasBegun, isComplete: hasBegun, lastSeq: lastSeq ?? 0 },
      ...{ from: first, to: last, part: held.part, firstRow: held.firstRow },
      loadEarlier: () => {
        if (!isBusy.current && last > 0 && first > 1)
          void read({ before: first }, (before, messages) =>
            moved(before, [...messages, ...before.messages].slice(0, HELD)),
          );
      },
      loadLater: () => {
        if (!isBusy.current && last > 0 && last < (lastSeq ?? 0))
          void read({ after: last }, (before, messages) =>
            moved(before, [...before.messages, ...messages].slice(-HELD)),
          );
      },
      show: (seq) => {
        if (seq < first || seq > last) show(seq);
      },
    }),
    [held, error, hasBegun, lastSeq, first, last, read, show],
  );
}

type Query = { readonly before: number } | { readonly after: number } | { readonly around: number };

/** Those that the list has only the beginning of are read whole, as the live conversation has them. */
async function readMessages(runId: string, query: Query): Promise<readonly Message[]> {
  const { items } = await api.request('GET /runs/:id/messages', {
    params: { id: runId },
    query: { ...query, limit: WINDOW },
  });
  const messages: Message[] = [];
  for (const message of items) {
    const params = { id: runId, seq: String(message.seq) };
    messages.push(message.truncated ? await api.request('GET /runs/:id/messages/:seq', { params }) : message);
  }
  return messages;
}

function fold(messages: readonly Message[]): Pick<Held, 'entries' | 'placeOf'> {
  const conversation = new Conversation();
  conversation.add(messages);
  return { entries: conversation.entries, placeOf: conversation.placeOf };
}

/** Rows that were there keep their numbers. */
function moved(before: Held, messages: readonly Message[]): Held {
  const { entries, placeOf } = fold(messages);
  return { ...before, messages, entries, placeOf, firstRow: before.firstRow + shiftOf(before.entries, entries) };
}

/** How many rows have gone at the beginning; negative: have come there. A row that has got a new beginning is no common one. */
export function shiftOf(before: readonly Entry[], after: readonly Entry[]): number {
  const places = new Map(after.map(({ place }, index) => [place.seq, index]));
  for (const [index, { place }] of before.entries()) {
    const now = places.get(place.seq);
    if (now !== undefined) return index - now;
  }
  return 0;
}
