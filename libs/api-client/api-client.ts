import type { ProblemView } from '@crewtab/api-contract/problem';
import { ApiProblem } from './api-problem';
import type { AnswerOf, EventOf, RequestOf, RouteName, Routes, StreamName } from './route-types';
import { readServerEvents } from './server-events';

/** Before a stream that broke is asked for again, ms. */
const RECONNECT_MS = 500;

export interface ApiClientOptions {
  /** `http://127.0.0.1:3000`; '' for the page's own server. */
  readonly baseUrl: string;
  /** Left out in a page, where the cookie of its session goes along by itself. */
  readonly apiKey?: string;
  /** Of the session, for requests that change something; null: none. */
  readonly csrfToken?: () => string | null;
  /** Default: the global one. */
  readonly fetch?: typeof fetch;
}

interface CallOptions {
  readonly signal?: AbortSignal;
  /** Of a POST: what is sent again with the same key is done once. */
  readonly idempotencyKey?: string;
  /** Of an edit: it is done only at this revision. */
  readonly ifRevision?: number;
  /** Of a PUT: it is done only where there is nothing yet. */
  readonly ifAbsent?: boolean;
}

interface StreamOptions {
  readonly signal?: AbortSignal;
  /** Only what comes after this event. */
  readonly lastEventId?: string;
}

/** Both can be left out where nothing has to be sent. */
type Arguments<R, Options> =
  Partial<RequestOf<R>> extends RequestOf<R> ? [request?: RequestOf<R> & Options] : [request: RequestOf<R> & Options];

/**
 * The REST API, typed by its contract: `await api.request('GET /runs/:id', { params: { id } })`. It holds no copy of the
 * contract, runs in browsers, and repeats nothing by itself but streams.
 */
export interface ApiClient {
  /** @throws ApiProblem when it is refused; whatever fetch throws when there is no answer. */
  request<N extends RouteName>(route: N, ...args: Arguments<Routes[N], CallOptions>): Promise<AnswerOf<Routes[N]>>;
  /**
   * Events until the server says that there are no more. A stream that breaks, or ends before, goes on behind the last event;
   * one that is refused for now (429 with Retry-After) when the server says so.
   * @throws ApiProblem when it is refused for another reason; the signal's reason.
   */
  events<N extends StreamName>(
    route: N,
    ...args: Arguments<Routes[N], StreamOptions>
  ): AsyncGenerator<EventOf<Routes[N]>>;
}

interface AnyRequest extends CallOptions, StreamOptions {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
}

export function createApiClient({ baseUrl, apiKey, csrfToken, fetch: send = fetch }: ApiClientOptions): ApiClient {
  const credentials = (method: string): Record<string, string> => {
    if (apiKey !== undefined) return { authorization: `Bearer ${apiKey}` };
    const token = method === 'GET' ? null : (csrfToken?.() ?? null);
    return token === null ? {} : { 'x-csrf-token': token };
  };
  const ask = async (route: string, request: AnyRequest): Promise<Response> => {
    const [method = '', path = ''] = route.split(' ');
    const { body, signal, idempotencyKey, ifRevision, ifAbsent = false, lastEventId } = request;
    const response = await send(`${baseUrl}/api/v1${fill(path, request)}`, {
      method,
      headers: {
        ...credentials(method),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
        ...(ifRevision === undefined ? {} : { 'if-match': `"${ifRevision}"` }),
        ...(ifAbsent ? { 'if-none-match': '*' } : {}),
        ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    });
    if (!response.ok) throw await problemOf(response, route);
    return response;
  };
  return {
    request: async (route, ...args) => {
      const text = await (await ask(route, args[0] ?? {})).text();
      return (text === '' ? undefined : JSON.parse(text)) as never;
    },
    events: (route, ...args) => streamEvents(ask, route, args[0] ?? {}) as never,
  };
}

async function* streamEvents(
  ask: (route: string, request: AnyRequest) => Promise<Response>,
  route: string,
  request: AnyRequest,
): AsyncGenerator<unknown> {
  let { lastEventId } = request;
  for (;;) {
    let hasMoved = false;
    try {
      const response = await ask(route, { ...request, lastEventId });
      if (response.status === 204 || !response.body) return;
      for await (const event of readServerEvents(chunksOf(response.body))) {
        lastEventId = event.id ?? lastEventId;
        hasMoved = true;
        yield event;
      }
    } catch (error) {
      if (request.signal?.aborted) throw error;
      const waitMs = error instanceof ApiProblem ? refusedForMs(error) : 0;
      if (waitMs === null) throw error;
      await pause(waitMs, request.signal);
      hasMoved = false;
    }
    // A stream that ended by itself is asked for once more at once: 204 is its real end.
    if (!hasMoved) await pause(RECONNECT_MS, request.signal);
  }
}

/** Null: whenever it is asked again. */
function refusedForMs({ status, retryAfterMs }: ApiProblem): number | null {
  return status === 429 ? retryAfterMs : null;
}

/** @throws the signal's reason */
async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end, { once: true });
  });
  signal?.throwIfAborted();
}

/** Not every browser lets a stream be iterated. */
async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value;
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

function fill(path: string, { params = {}, query = {} }: AnyRequest): string {
  const filled = path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
  const fields = Object.entries(query).filter(([, value]) => value !== undefined);
  const search = new URLSearchParams(fields.map(([name, value]): [string, string] => [name, String(value)])).toString();
  return search === '' ? filled : `${filled}?${search}`;
}

async function problemOf(response: Response, route: string): Promise<ApiProblem> {
  const problem = (await response.json().catch(() => ({}))) as Partial<ProblemView>;
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  return new ApiProblem(route, response.status, problem, Number.isFinite(seconds) ? seconds * 1_000 : null);
}
