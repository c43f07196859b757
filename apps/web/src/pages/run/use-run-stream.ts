import { useEffect, useState } from 'react';
import { api, type Message } from '../../api/client';
import { endSession, isLoggedOut, queryClient, runQuery } from '../../api/queries';
import { Conversation, type Entry } from './conversation';

/** Messages come faster than a screen can show them; they are shown together so often, ms. */
const SHOW_EVERY_MS = 80;

export interface RunStream {
  readonly entries: readonly Entry[];
  /** Whether the server has answered at all. */
  readonly hasBegun: boolean;
  /** Whether everything that is stored has come. */
  readonly isComplete: boolean;
  readonly error: Error | null;
}

const NOTHING: RunStream = { entries: [], hasBegun: false, isComplete: false, error: null };

/** Events that have come already are read without a break, so that the page is given one so often. */
const SLICE_MS = 30;

/** A tab that is not seen lets go of its connection: browsers open six to a host, for all tabs. */
const HIDDEN_LIMIT_MS = 5_000;

/**
 * The conversation of a run from its beginning, and on as it happens. The run itself is brought up to date on the way.
 *
 * @param isWanted false: it is read otherwise, or it is not known yet
 */
export function useRunStream(runId: string, isWanted: boolean): RunStream {
  const [stream, setStream] = useState(NOTHING);
  useEffect(() => {
    if (!isWanted) return;
    let abort = new AbortController();
    const conversation = new Conversation();
    let pending: Message[] = [];
    let showTimer: ReturnType<typeof setTimeout> | null = null;
    let hiddenTimer: ReturnType<typeof setTimeout> | undefined;
    let lastEventId: string | undefined;
    let isComplete = false;
    const show = (rest: Partial<RunStream> = {}): void => {
      showTimer = null;
      conversation.add(pending);
      pending = [];
      setStream((before) => ({ ...before, ...rest, hasBegun: true, entries: conversation.entries }));
    };
    const follow = async ({ signal }: AbortController): Promise<void> => {
      const request = { params: { id: runId }, signal, ...(lastEventId !== undefined && { lastEventId }) };
      let sliceAt = performance.now();
      try {
        for await (const { event, id, data } of api.events('GET /runs/:id/events', request)) {
          lastEventId = id ?? lastEventId;
          if (event === 'run') queryClient.setQueryData(runQuery(runId).queryKey, data);
          else pending.push(data);
          showTimer ??= setTimeout(show, SHOW_EVERY_MS);
          if (performance.now() - sliceAt > SLICE_MS) {
            await new Promise((resolve) => setTimeout(resolve));
            sliceAt = performance.now();
          }
        }
        isComplete = true;
        show({ isComplete });
      } catch (error) {
        if (signal.aborted) return;
        if (isLoggedOut(error)) endSession();
        show({ error: error instanceof Error ? error : new Error(String(error)) });
      }
    };
    const followVisibility = (): void => {
      clearTimeout(hiddenTimer);
      if (isComplete) return;
      if (document.hidden) hiddenTimer = setTimeout(() => abort.abort(), HIDDEN_LIMIT_MS);
      else if (abort.signal.aborted) void follow((abort = new AbortController()));
    };
    setStream(NOTHING);
    void follow(abort);
    followVisibility();
    document.addEventListener('visibilitychange', followVisibility);
    return () => {
      document.removeEventListener('visibilitychange', followVisibility);
      clearTimeout(hiddenTimer);
      if (showTimer !== null) clearTimeout(showTimer);
      abort.abort();
    };
  }, [runId, isWanted]);
  return stream;
}
