import { ApiProblem } from '@crewtab/api-client/api-problem';
import { useEffect, useState } from 'react';
import { api, type Message } from '../../api/client';
import { endSession, isLoggedOut, queryClient, runQuery } from '../../api/queries';
import { Conversation, type Entry } from './conversation';

/** Messages come faster than a screen can show them; they are shown together so often, ms. */
const SHOW_EVERY_MS = 80;

export interface RunStream {
  readonly entries: readonly Entry[];
  /** As `Conversation` has it. */
  readonly placeOf: Conversation['placeOf'];
  /** Whether the server has answered at all. */
  readonly hasBegun: boolean;
  /** Whether everything that is stored has come. */
  readonly isComplete: boolean;
  readonly error: Error | null;
}

const NOTHING: RunStream = { entries: [], placeOf: () => undefined, hasBegun: false, isComplete: false, error: null };

/** Events that have come already are read without a break, so that the page is given one so often. */
const SLICE_MS = 30;

/** After a refusal that passes, unless the server says for how long it holds, ms. */
const RETRY_MS = 2_000;

/** Null: asking again would be answered the same. */
function untilRetryMs(error: unknown): number | null {
  if (!(error instanceof ApiProblem)) return RETRY_MS;
  return error.status === 429 || error.status >= 500 ? (error.retryAfterMs ?? RETRY_MS) : null;
}

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
    let retryTimer: ReturnType<typeof setTimeout> | undefined;
    let isComplete = false;
    let hasFailed = false;
    const show = (rest: Partial<RunStream> = {}): void => {
      showTimer = null;
      conversation.add(pending);
      pending = [];
      setStream((before) => ({
        ...before,
        ...rest,
        hasBegun: true,
        entries: conversation.entries,
        placeOf: conversation.placeOf,
      }));
    };
    const follow = async ({ signal }: AbortController): Promise<void> => {
      const request = { params: { id: runId }, signal, ...(lastEventId !== undefined && { lastEventId }) };
      let sliceAt = performance.now();
      try {
        for await (const { event, id, data } of api.events('GET /runs/:id/events', request)) {
          lastEventId = id ?? lastEventId;
          if (hasFailed) show({ error: null });
          hasFailed = false;
          if (event === 'run') queryClient.setQueryData(runQuery(runId).queryKey, data);
          else pending.push(data);
          showTimer ??= setTimeout(show, SHOW_EVERY_MS);
          if (performance.now() - sliceAt > SLICE_MS) {
            await new Promise((resolve) => setTimeout(resolve));
            sliceAt = performance.now();
          }
        }
        isComplete = true;
        show({ isComplete, error: null });
      } catch (error) {
        if (signal.aborted) return;
        if (isLoggedOut(error)) endSession();
        hasFailed = true;
        show({ error: error instanceof Error ? error : new Error(String(error)) });
        const retryMs = untilRetryMs(error);
        if (retryMs !== null && !document.hidden)
          retryTimer = setTimeout(() => void follow((abort = new AbortController())), retryMs);
      }
    };
    const leave = (): void => {
      clearTimeout(retryTimer);
      abort.abort();
    };
    const followVisibility = (): void => {
      clearTimeout(hiddenTimer);
      if (isComplete) return;
      if (document.hidden) hiddenTimer = setTimeout(leave, HIDDEN_LIMIT_MS);
      else if (abort.signal.aborted || hasFailed) void follow((abort = new AbortController()));
    };
    setStream(NOTHING);
    void follow(abort);
    followVisibility();
    document.addEventListener('visibilitychange', followVisibility);
    return () => {
      document.removeEventListener('visibilitychange', followVisibility);
      clearTimeout(hiddenTimer);
      if (showTimer !== null) clearTimeout(showTimer);
      leave();
    };
  }, [runId, isWanted]);
  return stream;
}
