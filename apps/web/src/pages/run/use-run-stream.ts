import { useEffect, useState } from 'react';
import { api, type Message } from '../../api/client';
import { queryClient, runQuery } from '../../api/queries';
import { Conversation, type Entry } from './conversation';

/** Messages come faster than a screen can show them; they are shown together so often, ms. */
const SHOW_EVERY_MS = 80;

export interface RunStream {
  readonly entries: readonly Entry[];
  /** Whether everything that is stored has come. */
  readonly isComplete: boolean;
  readonly error: Error | null;
}

const NOTHING: RunStream = { entries: [], isComplete: false, error: null };

/** The conversation of a run from its beginning, and on as it happens. The run itself is brought up to date on the way. */
export function useRunStream(runId: string): RunStream {
  const [stream, setStream] = useState(NOTHING);
  useEffect(() => {
    const abort = new AbortController();
    const conversation = new Conversation();
    let pending: Message[] = [];
    let timer: ReturnType<typeof setTimeout> | null = null;
    const show = (rest: Partial<RunStream> = {}): void => {
      timer = null;
      if (abort.signal.aborted) return;
      conversation.add(pending);
      pending = [];
      setStream((before) => ({ ...before, ...rest, entries: conversation.entries }));
    };
    const follow = async (): Promise<void> => {
      const request = { params: { id: runId }, signal: abort.signal };
      for await (const { event, data } of api.events('GET /runs/:id/events', request)) {
        if (event === 'run') queryClient.setQueryData(runQuery(runId).queryKey, data);
        else pending.push(data);
        timer ??= setTimeout(show, SHOW_EVERY_MS);
      }
      show({ isComplete: true });
    };
    setStream(NOTHING);
    follow().catch((error: unknown) => show({ error: error instanceof Error ? error : new Error(String(error)) }));
    return () => {
      abort.abort();
      if (timer !== null) clearTimeout(timer);
    };
  }, [runId]);
  return stream;
}
