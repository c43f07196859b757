import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createApiClient, type ApiClient } from './api-client';
import { ApiProblem } from './api-problem';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const seen: { readonly line: string; readonly headers: IncomingMessage['headers']; readonly body: string }[] = [];
let answers: Answer[] = [];
let api: ApiClient;
const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks).toString();
    seen.push({ line: `${request.method} ${request.url}`, headers: request.headers, body });
    answers.shift()?.(request, response);
  });
});

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  api = createApiClient({ baseUrl: `http://127.0.0.1:${port}`, apiKey: 'key' });
});
beforeEach(() => {
  seen.length = 0;
  answers = [];
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const json = (status: number, body: unknown, headers: Record<string, string> = {}): Answer => {
  return (_, response) => response.writeHead(status, headers).end(JSON.stringify(body));
};
/** Events, then the stream's end; `isCut` breaks the connection instead. */
const stream = (text: string, isCut = false): Answer => {
  return (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(text, () => (isCut ? response.destroy() : response.end()));
  };
};
const over: Answer = (_, response) => response.writeHead(204).end();

it('sends parameters, query, key and body, and gives the answer', async () => {
  answers = [json(200, { items: [], nextCursor: null }), json(201, { id: 't' }), over];
  const query = { limit: 5, teamId: 'a b', enabled: true, cursor: undefined };
  expect(await api.request('GET /schedules', { query })).toEqual({ items: [], nextCursor: null });
  const body = { name: 'x', agents: [{ name: 'a', role: 'leader', protocol: 'acp', image: 'i' }] } as const;
  expect(await api.request('POST /teams', { body, idempotencyKey: 'k' })).toEqual({ id: 't' });
  expect(await api.request('DELETE /teams/:id', { params: { id: 'a/b' } })).toBeUndefined();
  expect(seen.map(({ line }) => line)).toEqual([
    'GET /api/v1/schedules?limit=5&teamId=a+b&enabled=true',
    'POST /api/v1/teams',
    'DELETE /api/v1/teams/a%2Fb',
  ]);
  expect(seen[1]?.headers).toMatchObject({
    authorization: 'Bearer key',
    'content-type': 'application/json',
    'idempotency-key': 'k',
  });
  expect(JSON.parse(seen[1]?.body ?? '')).toEqual(body);
});

it('sends the token of a session with what changes something, and no key', async () => {
  const { port } = server.address() as AddressInfo;
  const page = createApiClient({ baseUrl: `http://127.0.0.1:${port}`, csrfToken: () => 'token' });
  answers = [json(200, {}), over];
  await page.request('GET /session');
  await page.request('DELETE /session');
  const sent = seen.map(({ headers }) => [headers.authorization, headers['x-csrf-token']]);
  expect(sent).toEqual([
    [undefined, undefined],
    [undefined, 'token'],
  ]);
});

it('throws the problem when it is refused, and tells when to ask again', async () => {
  const errors = [{ path: 'name', message: 'is required' }];
  answers = [
    json(400, { code: 'invalid_request', detail: 'name: is required', errors, requestId: 'r' }),
    json(503, { code: 'store_unreachable', title: 'Postgres did not answer.' }, { 'retry-after': '2' }),
    (_, response) => response.writeHead(502).end('<html>'),
  ];
  const ask = () => api.request('GET /config');
  await expect(ask()).rejects.toMatchObject({
    name: 'ApiProblem',
    message: 'name: is required',
    ...{ status: 400, code: 'invalid_request', errors, requestId: 'r', retryAfterMs: null, route: 'GET /config' },
  });
  await expect(ask()).rejects.toMatchObject({ status: 503, code: 'store_unreachable', retryAfterMs: 2_000 });
  await expect(ask()).rejects.toMatchObject({ status: 502, code: null, message: 'GET /config was answered with 502' });
});

it('reads a stream to its real end, behind the last event of each one that broke or ended before', async () => {
  answers = [
    stream(
      'retry: 2000\n\nevent: run\nid: 0\ndata: {"id":"r"}\n\n: alive\n\nevent: message\nid: 1\ndata: {"seq"',
      true,
    ),
    stream('event: message\nid: 1\ndata: {"seq":1}\n\n'),
    stream('event: run\nid: 1.end\ndata: {"id":"r"}\n\n'),
    over,
  ];
  const events: unknown[] = [];
  for await (const event of api.events('GET /runs/:id/events', { params: { id: 'r' } })) events.push(event);
  expect(events).toEqual([
    { event: 'run', id: '0', data: { id: 'r' } },
    { event: 'message', id: '1', data: { seq: 1 } },
    { event: 'run', id: '1.end', data: { id: 'r' } },
  ]);
  expect(seen.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '0', '1', '1.end']);
});

it('asks again for a stream when a refusal for now is over, and not for others', async () => {
  const limited = json(429, { code: 'rate_limited' }, { 'retry-after': '1' });
  answers = [limited, stream('event: run\nid: 0\ndata: {"id":"r"}\n\n'), over];
  const events: unknown[] = [];
  const begunAt = performance.now();
  for await (const event of api.events('GET /runs/:id/events', { params: { id: 'r' } })) events.push(event);
  expect(events).toHaveLength(1);
  expect(performance.now() - begunAt).toBeGreaterThan(990);
  for (const refusal of [json(429, { code: 'rate_limited' }), json(503, {}, { 'retry-after': '1' })]) {
    answers = [refusal];
    const refused = api.events('GET /runs/:id/events', { params: { id: 'r' } });
    await expect(refused.next()).rejects.toBeInstanceOf(ApiProblem);
  }
  answers = [limited];
  const abort = new AbortController();
  const waiting = api.events('GET /runs/:id/events', { params: { id: 'r' }, signal: abort.signal }).next();
  setTimeout(() => abort.abort(new Error('enough')), 50);
  await expect(waiting).rejects.toThrow('enough');
});

it('ends a stream that is refused, and one that is aborted', async () => {
  answers = [json(404, { code: 'not_found', detail: 'there is no such run' })];
  const refused = api.events('GET /runs/:id/events', { params: { id: 'r' }, lastEventId: '7' });
  await expect(refused.next()).rejects.toMatchObject({ status: 404 });
  expect(seen[0]?.headers['last-event-id']).toBe('7');
  answers = [(_, response) => response.writeHead(200).write('event: run\nid: 0\ndata: {}\n\n')];
  const abort = new AbortController();
  const live = api.events('GET /runs/:id/events', { params: { id: 'r' }, signal: abort.signal });
  await live.next();
  abort.abort(new Error('enough'));
  await expect(live.next()).rejects.toThrow();
});
