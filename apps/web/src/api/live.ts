import { createApiClient } from '@crewtab/api-client/api-client';
import { useEffect, useSyncExternalStore } from 'react';
import { isLoggedOut, queryClient, setCaller } from './queries';

/** Whether what the page shows is kept up to date, and since when. */
export interface LiveState {
  readonly kind: 'connecting' | 'live' | 'lost';
  readonly since: Date;
}

/** The server sends at least a comment every 15 s. */
const SILENCE_LIMIT_MS = 40_000;
/** Events come in bursts; what they make stale is asked for once. */
const SETTLE_MS = 250;
/** The overview costs the server more than a list. */
const OVERVIEW_SETTLE_MS = 1_000;
/** A tab that nobody sees lets go of its stream: browsers allow six connections to a host. */
const HIDDEN_LIMIT_MS = 30_000;

let state: LiveState = { kind: 'connecting', since: new Date() };
const listeners = new Set<() => void>();

function become(kind: LiveState['kind']): void {
  if (state.kind === kind) return;
  state = { kind, since: new Date() };
  for (const listener of listeners) listener();
}

export function useLiveState(): LiveState {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => state,
  );
}

/** Keeps every answer on the page up to date by the organization's event stream, for as long as the caller stands. */
export function useLiveAnswers(): void {
  useEffect(() => {
    const stream = new EventStream();
    let hiddenTimer: ReturnType<typeof setTimeout> | undefined;
    const followVisibility = (): void => {
      clearTimeout(hiddenTimer);
      if (document.hidden) hiddenTimer = setTimeout(() => stream.close(), HIDDEN_LIMIT_MS);
      else stream.open();
    };
    stream.open();
    document.addEventListener('visibilitychange', followVisibility);
    return () => {
      clearTimeout(hiddenTimer);
      document.removeEventListener('visibilitychange', followVisibility);
      stream.close();
    };
  }, []);
}

class EventStream {
  private abort: AbortController | null = null;
  private lastEventId: string | undefined;
  private readonly stale = new Stale();

  open(): void {
    if (this.abort) return;
    this.abort = new AbortController();
    void this.follow(this.abort.signal);
  }

  close(): void {
    this.abort?.abort();
    this.abort = null;
  }

  private async follow(signal: AbortSignal): Promise<void> {
    const client = createApiClient({ baseUrl: '', fetch: watchedFetch });
    const { lastEventId } = this;
    try {
      for await (const { id, data } of client.events('GET /events', {
        signal,
        ...(lastEventId && { lastEventId }),
      })) {
        this.lastEventId = id ?? this.lastEventId;
        if ('runId' in data && typeof data.runId === 'string') this.stale.run(data.runId);
        // A reset, or the first position, before which something may have changed behind what was read.
        else this.stale.all();
      }
    } catch (error) {
      if (signal.aborted) return;
      become('lost');
      if (isLoggedOut(error)) setCaller(null);
      else this.retry(signal);
    }
  }

  /** After a refusal that passes: a server that is starting. */
  private retry(signal: AbortSignal): void {
    setTimeout(() => {
      if (!signal.aborted) void this.follow(signal);
    }, 2_000);
  }
}

/** A connection that gives no sign for too long is broken off, so that the client asks anew. */
const watchedFetch: typeof fetch = async (input, init) => {
  const silence = new AbortController();
  const signal = AbortSignal.any([silence.signal, ...(init?.signal ? [init.signal] : [])]);
  let timer: ReturnType<typeof setTimeout>;
  const rearm = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), SILENCE_LIMIT_MS);
  };
  rearm();
  try {
    const response = await fetch(input, { ...init, signal });
    if (!response.ok || !response.body) {
      clearTimeout(timer!);
      if (!response.ok) become('lost');
      return response;
    }
    become('live');
    const watched = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        rearm();
        controller.enqueue(chunk);
      },
    });
    return new Response(response.body.pipeThrough(watched), { status: response.status, headers: response.headers });
  } catch (error) {
    clearTimeout(timer!);
    become('lost');
    throw error;
  }
};

/** Lanes of time are large, and change little with one run. */
const LANES_SETTLE_MS = 5_000;

/** Collects what events make stale. */
class Stale {
  private readonly runs = new Set<string>();
  private timer: ReturnType<typeof setTimeout> | null = null;
  private lanesTimer: ReturnType<typeof setTimeout> | null = null;
  private overviewTimer: ReturnType<typeof setTimeout> | null = null;

  run(id: string): void {
    this.runs.add(id);
    this.timer ??= setTimeout(() => this.settle(), SETTLE_MS);
    this.overviewTimer ??= setTimeout(() => {
      this.overviewTimer = null;
      void queryClient.invalidateQueries({ queryKey: ['overview'] });
    }, OVERVIEW_SETTLE_MS);
  }

  all(): void {
    void queryClient.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'caller' });
  }

  private settle(): void {
    this.timer = null;
    this.lanesTimer ??= setTimeout(() => {
      this.lanesTimer = null;
      void queryClient.invalidateQueries({ queryKey: ['timeline'] });
    }, LANES_SETTLE_MS);
    for (const id of this.runs) void queryClient.invalidateQueries({ queryKey: ['run', id] });
    this.runs.clear();
    for (const key of ['runs', 'schedules', 'schedule', 'deployment', 'ledger'])
      void queryClient.invalidateQueries({ queryKey: [key] });
  }
}
