import { EventEmitter } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Response } from 'express';
import type { Message } from '@crewtab/domain/runs/message';
import type { Run } from '@crewtab/domain/runs/run';
import { settle } from '@test/fakes/fake-clock';
import { KEYS, ORGANIZATION, startHttp, type HttpFixture } from '../http-fixture';
import { RunEvents } from './run-events';
import { SseClient, type ReceivedEvent } from '../streams/sse-client-fixture';

let http: HttpFixture;
let run: Run;
const clients: SseClient[] = [];

beforeEach(async () => {
  http = await startHttp();
  run = http.runs.addRun({ organizationId: ORGANIZATION, status: 'running', phase: 'monitoring' });
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.disconnect();
  await http.app.close();
});

async function connect(options: { query?: string; lastEventId?: string } = {}): Promise<SseClient> {
  const { port } = http.server.address() as AddressInfo;
  const headers = {
    Authorization: `Bearer ${KEYS.admin}`,
    ...(options.lastEventId === undefined ? {} : { 'Last-Event-ID': options.lastEventId }),
  };
  const client = await SseClient.connect(
    `http://127.0.0.1:${port}/api/v1/runs/${run.id}/events${options.query ?? ''}`,
    headers,
  );
  clients.push(client);
  return client;
}

const say = (...texts: string[]) =>
  http.runs.say(run.id, ...texts.map((text) => ({ kind: 'agent_message' as const, content: { text } })));
const finish = () => http.runs.change(run.id, { status: 'success', phase: 'finished', finishedAt: new Date() });
const text = (event: ReceivedEvent | null) => (event?.data as Message).content.text;
const summary = (events: readonly ReceivedEvent[]) => events.map(({ event, id }) => `${event} ${id}`);
const until = async (condition: () => boolean): Promise<void> => {
  for (let tries = 0; tries < 1_000; tries++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error('it did not come true');
};

/** A client that takes nothing until it is told to drain. */
class StuckResponse extends EventEmitter {
  readonly lines: string[] = [];
  readonly writableEnded = false;
  destroyed = false;

  status(): this {
    return this;
  }

  set(): this {
    return this;
  }

  flushHeaders(): void {}

  write(chunk: string | Buffer): boolean {
    this.lines.push(String(chunk).split('\n')[0] ?? '');
    return false;
  }

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

it('sends the run, what is stored, what comes live, and ends with the run', async () => {
  say('one', 'two');
  const client = await connect();
  expect(client.response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  expect(client.response.headers.get('cache-control')).toBe('no-store');
  expect(summary(await client.take(3))).toEqual(['run 0', 'message 1', 'message 2']);
  say('three');
  expect(text(await client.next())).toBe('three');
  http.runs.change(run.id, { phase: 'tearing_down' });
  expect(await client.next()).toMatchObject({ event: 'run', id: '3', data: { phase: 'tearing_down' } });
  say('last words');
  finish();
  expect(summary(await client.rest())).toEqual(['message 4', 'run 4.end']);
});

it('sends a finished run as a whole and ends', async () => {
  say('one');
  finish();
  const events = await (await connect()).rest();
  expect(summary(events)).toEqual(['message 1', 'run 1.end']);
  expect(events[1]?.data).toMatchObject({ status: 'success', phase: 'finished' });
});

it('resumes behind Last-Event-ID, which wins over ?after=', async () => {
  say('one', 'two', 'three');
  expect(summary(await (await connect({ query: '?after=2' })).take(2))).toEqual(['run 2', 'message 3']);
  expect(summary(await (await connect({ query: '?after=0', lastEventId: '1' })).take(3))).toEqual([
    'run 1',
    'message 2',
    'message 3',
  ]);
});

it('tells a client that has seen the end to stay away, and no other', async () => {
  say('one');
  const { port } = http.server.address() as AddressInfo;
  const ask = (id: string) =>
    fetch(`http://127.0.0.1:${port}/api/v1/runs/${run.id}/events`, {
      headers: { Authorization: `Bearer ${KEYS.admin}`, 'Last-Event-ID': id },
    });
  finish();
  expect((await ask('1.end')).status).toBe(204);
  const resumed = await ask('1');
  expect(resumed.status).toBe(200);
  expect(await resumed.text()).toContain('id: 1.end');
});

it.each(['?after=x', '?after=-1', '?from=1'])('refuses %s', async (query) => {
  const answer = await http.call('get', `/api/v1/runs/${run.id}/events${query}`).expect(400);
  expect(answer.body).toMatchObject({ code: 'invalid_request' });
});

it('refuses an `after` beyond the last seq that there can be', async () => {
  const answer = await http.call('get', `/api/v1/runs/${run.id}/events?after=2147483648`).expect(400);
  expect(answer.body).toMatchObject({ errors: [{ path: 'after' }] });
});

it.each(['abc', '2147483648', '2147483648.end', '1.end.end', '-1'])(
  'refuses the Last-Event-ID %s, which it never gave out',
  async (id) => {
    const answer = await http.call('get', `/api/v1/runs/${run.id}/events`).set('Last-Event-ID', id).expect(400);
    expect(answer.body).toMatchObject({ errors: [{ path: 'Last-Event-ID' }] });
  },
);

it('loses and doubles nothing while messages pour in and clients come and go', async () => {
  const total = 1_000;
  const pour = (async () => {
    for (let n = 1; n <= total; n++) {
      say(`message ${n}`);
      if (n % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    finish();
  })();
  const received: ReceivedEvent[] = [];
  for (let isOver = false; !isOver;) {
    const client = await connect({ lastEventId: received.at(-1)?.id ?? '0' });
    const stopAt = received.length + 150;
    for (let event = await client.next(); event; event = await client.next()) {
      if (event.event === 'message') received.push(event);
      isOver ||= event.id.endsWith('.end');
      if (received.length >= stopAt && !isOver) break;
    }
    client.disconnect();
  }
  await pour;
  expect(received.map((event) => (event.data as Message).seq)).toEqual(
    Array.from({ length: total }, (_, index) => index + 1),
  );
  expect(text(received.at(-1) ?? null)).toBe(`message ${total}`);
});

it('sends several viewers the same', async () => {
  const both = await Promise.all([connect(), connect()]);
  say('one');
  finish();
  const [first, second] = await Promise.all(both.map((client) => client.rest()));
  expect(summary(first ?? [])).toEqual(summary(second ?? []));
});

it('reads and encodes once for all readers of a run that stand at the same place', async () => {
  const readers = await Promise.all(Array.from({ length: 40 }, () => connect()));
  await Promise.all(readers.map((reader) => reader.take(1)));
  await until(() => http.clock.pendingTimers === 40);
  const [messages, runs] = [jest.spyOn(http.runs, 'listMessages'), jest.spyOn(http.runs, 'getRun')];
  say('one', 'two');
  finish();
  const received = await Promise.all(readers.map((reader) => reader.rest()));
  for (const events of received) expect(summary(events)).toEqual(['message 1', 'message 2', 'run 2.end']);
  // The fake looks the run up itself for each list of messages.
  expect(messages.mock.calls.length).toBeLessThanOrEqual(4);
  expect(runs.mock.calls.length).toBeLessThanOrEqual(8);
});

it('sends a heartbeat after 15 s without news, and finds what no notification told', async () => {
  const client = await connect();
  await client.take(1);
  await until(() => http.clock.pendingTimers > 0);
  jest.spyOn(http.runs, 'listMessages').mockResolvedValueOnce({
    items: [{ seq: 1, agent: null, kind: 'system', content: { text: 'overlooked' }, at: new Date(0) }],
    hasMore: false,
  });
  await http.clock.advance(15_000);
  expect(text(await client.next())).toBe('overlooked');
  expect(client.comments).toEqual([': alive']);
});

it('sends a message of several MB whole', async () => {
  const long = 'x'.repeat(8 * 1024 ** 2);
  say('short', long, 'after');
  finish();
  const events = await (await connect()).rest();
  expect(text(events[1] ?? null)).toHaveLength(long.length);
  expect(summary(events)).toEqual(['message 1', 'message 2', 'message 3', 'run 3.end']);
});

it('waits for a client that does not read, instead of filling memory', async () => {
  const pipe = new StuckResponse();
  say('one', 'two');
  const streaming = http.app
    .get(RunEvents)
    .stream({ organizationId: ORGANIZATION, runId: run.id, after: 0 }, pipe as unknown as Response);
  const names = ['retry: 2000', 'event: run', 'event: message', 'event: message'];
  for (const [index] of names.entries()) {
    await until(() => pipe.lines.length === index + 1);
    await settle();
    expect(pipe.lines).toEqual(names.slice(0, index + 1));
    pipe.emit('drain');
  }
  await until(() => http.clock.pendingTimers === 1);
  pipe.destroy();
  await streaming;
  expect(pipe.listenerCount('drain')).toBe(0);
});

it('cleans up when a client goes away', async () => {
  const events = http.app.get(RunEvents);
  const client = await connect();
  await client.take(1);
  expect(events.openStreams).toBe(1);
  client.disconnect();
  await until(() => events.openStreams === 0 && http.clock.pendingTimers === 0);
});

it('breaks off when the database goes away, so that the client resumes', async () => {
  const client = await connect();
  await client.take(1);
  jest.spyOn(http.runs, 'getRun').mockRejectedValue(new Error('gone'));
  say('one');
  await expect(client.rest()).rejects.toThrow();
  await until(() => http.logger.messages('warn').includes('a live view broke off; its client will resume'));
});

it('ends all streams when the process shuts down', async () => {
  const client = await connect();
  await client.take(1);
  const closed = http.app.close();
  expect(await client.rest()).toEqual([]);
  await closed;
});
