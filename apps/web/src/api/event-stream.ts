import { createApiClient } from '@crewtab/api-client/api-client';
import { ApiProblem } from '@crewtab/api-client/api-problem';

/** What the organization's event stream tells the pages. */
export type EventSignal =
  | { readonly kind: 'run'; readonly runId: string }
  /** Anything may have changed: a first position, a reset. */
  | { readonly kind: 'all' }
  | { readonly kind: 'live' | 'lost' }
  /** The session is over; the stream has closed itself. */
  | { readonly kind: 'logged-out' };

/** What a tab says to the worker that all tabs share. */
export type TabMessage = 'join' | 'leave';

/** The server sends at least a comment every 15 s. */
const SILENCE_LIMIT_MS = 40_000;
/** After a refusal that passes: a server that is starting. */
const RETRY_MS = 2_000;

/** One connection to `GET /events` that is kept up while it is open, in a page or in the worker that all pages share. */
export class EventStream {
  private abort: AbortController | null = null;
  private lastEventId: string | undefined;

  constructor(private readonly tell: (signal: EventSignal) => void) {}

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
    const client = createApiClient({ baseUrl: '', fetch: this.watchedFetch });
    const { lastEventId } = this;
    try {
      const request = { signal, ...(lastEventId !== undefined && { lastEventId }) };
      for await (const { id, data } of client.events('GET /events', request)) {
        this.lastEventId = id ?? this.lastEventId;
        if ('runId' in data && typeof data.runId === 'string') this.tell({ kind: 'run', runId: data.runId });
        else this.tell({ kind: 'all' });
      }
    } catch (error) {
      if (signal.aborted) return;
      this.tell({ kind: 'lost' });
      if (error instanceof ApiProblem && error.status === 401) {
        this.close();
        this.tell({ kind: 'logged-out' });
      } else setTimeout(() => signal.aborted || void this.follow(signal), RETRY_MS);
    }
  }

  /** A connection that gives no sign for too long is broken off, so that the client asks anew. */
  private readonly watchedFetch: typeof fetch = async (input, init) => {
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
        if (!response.ok) this.tell({ kind: 'lost' });
        return response;
      }
      this.tell({ kind: 'live' });
      const watched = new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          rearm();
          controller.enqueue(chunk);
        },
      });
      return new Response(response.body.pipeThrough(watched), { status: response.status, headers: response.headers });
    } catch (error) {
      clearTimeout(timer!);
      if (!init?.signal?.aborted) this.tell({ kind: 'lost' });
      throw error;
    }
  };
}
