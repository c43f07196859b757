import type { AddressInfo } from 'node:net';
import { streamEvents } from '@crewtab/api-contract/event-routes';
import { KEYS, NO_ID, ORGANIZATION, OTHER_ORGANIZATION, startHttp, type HttpFixture } from '../http-fixture';
import { SseClient, type ReceivedEvent } from '../streams/sse-client-fixture';
import { OrganizationEvents } from './organization-events';

const PATH = '/api/v1/events';

let http: HttpFixture;
const clients: SseClient[] = [];

beforeEach(async () => (http = await startHttp()));
afterEach(async () => {
  for (const client of clients.splice(0)) client.disconnect();
  await http.app.close();
});

async function connect(options: { query?: string; lastEventId?: string; key?: string } = {}): Promise<SseClient> {
  const { port } = http.server.address() as AddressInfo;
  const { query = '', lastEventId, key = KEYS.member } = options;
  const resumed = lastEventId !== undefined && { 'Last-Event-ID': lastEventId };
  const headers: Record<string, string> = { Authorization: `Bearer ${key}`, ...resumed };
  const client = await SseClient.connect(`http://127.0.0.1:${port}${PATH}${query}`, headers, streamEvents);
  clients.push(client);
  return client;
}

/** A run of the organization; its events have their positions when this resolves. */
async function addRun(organizationId = ORGANIZATION, scheduleId?: string): Promise<string> {
  const { id } = http.hostRuns.addRun({ organizationId, ...(scheduleId && { scheduleId }) });
  await http.hostRuns.events.number(100);
  return id;
}

async function cancel(runId: string): Promise<void> {
  http.hostRuns.requestCancel(runId);
  await http.hostRuns.events.number(100);
}

const runsOf = (events: readonly ReceivedEvent[]) => events.map(({ data }) => (data as { runId: string }).runId);
const idOf = (event: ReceivedEvent | undefined) => event?.id ?? '';

it('tells where it starts, and then what happens to runs of the organization', async () => {
  await addRun();
  const client = await connect();
  expect(client.response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  const at = http.clock.now().getTime();
  expect(await client.next()).toEqual({ event: 'position', id: `1-${at}`, data: { position: `1-${at}` } });
  await addRun(OTHER_ORGANIZATION);
  const runId = await addRun();
  const event = await client.next();
  expect(event).toMatchObject({
    event: 'run.status',
    id: `3-${at}`,
    data: { type: 'run.status', runId, data: { to: { status: 'queued', phase: 'queued' } } },
  });
});

it('resumes behind Last-Event-ID, which wins over ?after=', async () => {
  const ids = [await addRun(), await addRun(), await addRun()];
  const all = await (await connect({ query: '?after=0' })).take(3);
  expect(runsOf(all)).toEqual(ids);
  const resumed = await connect({ query: '?after=0', lastEventId: idOf(all[1]) });
  expect(runsOf(await resumed.take(1))).toEqual(ids.slice(2));
  const behind = await connect({ query: `?after=${idOf(all[0])}` });
  expect(runsOf(await behind.take(2))).toEqual(ids.slice(1));
});

it('says reset where the place means another event by now, and goes on from the present', async () => {
  await addRun();
  const at = http.clock.now().getTime();
  for (const lastEventId of ['1-1', '2', `99-${at}`]) {
    const client = await connect({ lastEventId });
    expect(await client.next()).toEqual({ event: 'reset', id: `1-${at}`, data: { position: `1-${at}` } });
    const runId = await addRun();
    expect(runsOf(await client.take(1))).toEqual([runId]);
    client.disconnect();
    http.hostRuns.events.restoreTo(1);
  }
});

it('keeps to a schedule and a type', async () => {
  const [wanted, other] = [await addRun(ORGANIZATION, NO_ID), await addRun()];
  const ofSchedule = await connect({ query: `?after=0&scheduleId=${NO_ID}` });
  const ofType = await connect({ query: '?after=0&type=run.cancel_requested' });
  await cancel(other);
  await cancel(wanted);
  expect(runsOf(await ofSchedule.take(3))).toEqual([wanted, wanted, wanted]);
  expect(runsOf(await ofType.take(2))).toEqual([other, wanted]);
});

it.each(['?after=x', '?after=-1', '?after=1-2-3', '?after=1-999999999999999', '?type=run', '?scheduleId=x', '?more=1'])(
  'refuses %s',
  async (query) => {
    expect((await http.call('get', `${PATH}${query}`).expect(400)).body).toMatchObject({ code: 'invalid_request' });
  },
);

it('refuses a Last-Event-ID that it never gave out', async () => {
  const { body } = await http.call('get', PATH).set('Last-Event-ID', '2147483648.end').expect(400);
  expect(body).toMatchObject({ errors: [{ path: 'Last-Event-ID' }] });
});

it('sends a heartbeat after 15 s without news', async () => {
  const client = await connect();
  await client.take(1);
  while (http.clock.pendingTimers === 0) await new Promise((resolve) => setImmediate(resolve));
  await http.clock.advance(15_000);
  expect(await client.nextComment()).toBe(': alive');
});

it('loses and doubles nothing while events pour in and clients come and go', async () => {
  const ids: string[] = [];
  const pour = (async () => {
    for (let n = 0; n < 400; n++) {
      ids.push(await addRun());
      if (n % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  const received: ReceivedEvent[] = [];
  while (received.length < 400) {
    const client = await connect({ lastEventId: received.at(-1)?.id ?? '0' });
    received.push(...(await client.take(Math.min(60, 400 - received.length))));
    client.disconnect();
  }
  await pour;
  expect(runsOf(received)).toEqual(ids);
});

it('closes the streams of clients that leave, and ends all streams when the process shuts down', async () => {
  const streams = http.app.get(OrganizationEvents);
  const [first, second] = [await connect(), await connect()];
  await Promise.all([first.take(1), second.take(1)]);
  expect(streams.openStreams).toBe(2);
  first.disconnect();
  while (streams.openStreams > 1) await new Promise((resolve) => setImmediate(resolve));
  const closed = http.app.close();
  expect(await second.rest()).toEqual([]);
  await closed;
});
