/** The API answered with a problem. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

/** The little that the launcher needs of the REST API. */
export class ApiClient {
  constructor(
    private readonly baseUrl: string,
    private readonly apiKey: string,
  ) {}

  async get<T>(path: string): Promise<T> {
    return (await this.send('GET', path)).json() as Promise<T>;
  }

  async post<T>(path: string, body?: object): Promise<T> {
    return (await this.send('POST', path, body)).json() as Promise<T>;
  }

  async patch<T>(path: string, body: object): Promise<T> {
    return (await this.send('PATCH', path, body)).json() as Promise<T>;
  }

  /** Server-sent events until the server ends them; goes on where it stood when the connection breaks. */
  async *events(path: string, signal: AbortSignal): AsyncGenerator<ServerEvent> {
    let lastId: string | null = null;
    for (;;) {
      try {
        const response = await this.send('GET', path, undefined, signal, lastId);
        for await (const event of readEvents(response)) {
          lastId = event.id ?? lastId;
          yield event;
        }
        return;
      } catch (error) {
        if (signal.aborted || error instanceof ApiError) throw error;
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
    }
  }

  private async send(
    method: string,
    path: string,
    body?: object,
    signal?: AbortSignal,
    lastEventId?: string | null,
  ): Promise<Response> {
    const headers: Record<string, string> = { authorization: `Bearer ${this.apiKey}` };
    if (body) headers['content-type'] = 'application/json';
    if (lastEventId) headers['last-event-id'] = lastEventId;
    const response = await fetch(`${this.baseUrl}/api/v1${path}`, {
      method,
      headers,
      ...(body ? { body: JSON.stringify(body) } : {}),
      ...(signal ? { signal } : {}),
    });
    if (response.ok) return response;
    const problem = (await response.json().catch(() => ({}))) as { detail?: string; title?: string };
    throw new ApiError(
      response.status,
      problem.detail ?? problem.title ?? `${method} ${path} was answered with ${response.status}`,
    );
  }
}

export interface ServerEvent {
  readonly id: string | null;
  readonly event: string;
  readonly data: unknown;
}

async function* readEvents(response: Response): AsyncGenerator<ServerEvent> {
  let pending = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    pending += decoder.decode(chunk as Uint8Array, { stream: true });
    const blocks = pending.split('\n\n');
    pending = blocks.pop() ?? '';
    for (const block of blocks) {
      const event = parseEvent(block);
      if (event) yield event;
    }
  }
}

function parseEvent(block: string): ServerEvent | null {
  const fields = new Map<string, string>();
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    const name = line.slice(0, colon);
    const value = line.slice(colon + 1).replace(/^ /, '');
    fields.set(name, fields.has(name) ? `${fields.get(name)}\n${value}` : value);
  }
  const data = fields.get('data');
  if (data === undefined) return null;
  return { id: fields.get('id') ?? null, event: fields.get('event') ?? 'message', data: JSON.parse(data) };
}
