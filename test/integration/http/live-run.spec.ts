import type { AddressInfo } from 'node:net';
import type { Message } from '@crewtab/domain/runs/message';
import type { Claim } from '@crewtab/domain/ports/run-store';
import { KEYS } from '../../../apps/scheduler/src/http/http-fixture';
import { SseClient, type ReceivedEvent } from '../../../apps/scheduler/src/http/streams/sse-client-fixture';
import { startRest, type RestFixture } from './rest-fixture';

const WORKER = { workerId: 'worker-1', host: 'host-1' };
const NAMES = {
  name: 'marketing-team-run-000001',
  fallbackName: 'marketing-team-run-000001-b',
  host: 'host-1',
  runtime: 'docker',
};
const START = { stdout: 0, stderr: 0 };

let rest: RestFixture;
const clients: SseClient[] = [];
beforeAll(async () => (rest = await startRest()));
afterAll(async () => {
  for (const client of clients) client.disconnect();
  await rest.dispose();
});

/** A run that a worker has begun, with its claim. */
async function begunRun(): Promise<Claim> {
  const { stored } = rest;
  const [organization] = await stored.sql<{ id: string }>(`SELECT id FROM organizations WHERE name = 'default'`);
  if (!organization) throw new Error('there is no organization');
  const schedule = await stored.schedule({ organizationId: organization.id });
  const { id } = await stored.manualRun(organization.id, schedule.id);
  const run = await stored.store.runs.claim(id, WORKER);
  if (!run) throw new Error('the run could not be claimed');
  const claim = { runId: id, epoch: run.epoch };
  const suffix = id.slice(-6);
  await stored.store.runs.begin(claim, { ...NAMES, name: `team-run-${suffix}`, fallbackName: `team-run-${suffix}-b` });
  return claim;
}

async function watch(runId: string, lastEventId?: string): Promise<SseClient> {
  const { port } = rest.http.server.address() as AddressInfo;
  const headers = {
    Authorization: `Bearer ${KEYS.admin}`,
    ...(lastEventId === undefined ? {} : { 'Last-Event-ID': lastEventId }),
  };
  const client = await SseClient.connect(`http://127.0.0.1:${port}/api/v1/runs/${runId}/events`, headers);
  clients.push(client);
  return client;
}

async function finish(claim: Claim): Promise<void> {
  const { runs } = rest.stored.store;
  await runs.conclude(claim, {
    status: 'failed',
    result: null,
    error: { code: 'agent_exited', message: 'exit code 1' },
  });
  await runs.finish(claim, { container: 1, volume: 1 });
}

it('shows a run as the worker moves it, over the database’s notifications, and its whole conversation', async () => {
  const claim = await begunRun();
  const { runs } = rest.stored.store;
  const client = await watch(claim.runId);
  expect(await client.next()).toMatchObject({ event: 'run', data: { status: 'running', phase: 'deploying' } });
  await runs.permitPrompt(claim, { agent: null, kind: 'prompt', content: { text: 'Write.' }, at: new Date() });
  const [one, two] = await client.take(2);
  expect([one?.event, two?.event].sort()).toEqual(['message', 'run']);
  await runs.confirmPrompt(claim);
  expect(await client.next()).toMatchObject({ event: 'run', id: '1', data: { phase: 'monitoring' } });
  await finish(claim);
  const ending = await client.rest();
  expect(ending.at(-1)).toMatchObject({
    event: 'run',
    id: '1.end',
    data: { status: 'failed', phase: 'finished', teardown: { containers: 1 } },
  });
  const deploymentId = (ending.at(-1)?.data as { teamDeploymentId: string }).teamDeploymentId;
  const deployment = await rest.http.call('get', `/api/v1/deployments/${deploymentId}`).expect(200);
  expect(deployment.body).toMatchObject({
    runId: claim.runId,
    host: 'host-1',
    agents: [{ name: 'lead' }, { name: 'writer' }],
  });
});

it('loses and doubles nothing while a worker writes and viewers come back again and again', async () => {
  const claim = await begunRun();
  const total = 300;
  const writing = (async () => {
    for (let n = 0; n < total; n++) {
      const message = { agent: 'lead', kind: 'agent_message', content: { text: `line ${n}` }, at: new Date() } as const;
      const move = { agent: 'lead', from: { ...START, stdout: n }, to: { ...START, stdout: n + 1 } };
      await rest.stored.store.runs.appendMessages(claim, [message], move);
    }
    await finish(claim);
  })();
  const received: ReceivedEvent[] = [];
  for (let isOver = false; !isOver;) {
    const client = await watch(claim.runId, received.at(-1)?.id ?? '0');
    const stopAt = received.length + 40;
    for (let event = await client.next(); event; event = await client.next()) {
      if (event.event === 'message') received.push(event);
      isOver ||= event.id.endsWith('.end');
      if (received.length >= stopAt && !isOver) break;
    }
    client.disconnect();
  }
  await writing;
  expect(received.map((event) => (event.data as Message).seq)).toEqual(
    Array.from({ length: total }, (_, index) => index + 1),
  );
  const pages: number[] = [];
  for (let cursor: string | null = '0'; cursor !== null;) {
    const page = await rest.http
      .call('get', `/api/v1/runs/${claim.runId}/messages?limit=100&cursor=${cursor}`)
      .expect(200);
    const { items, nextCursor } = page.body as { items: Message[]; nextCursor: string | null };
    pages.push(...items.map((message) => message.seq));
    cursor = nextCursor;
  }
  expect(pages).toEqual(received.map((event) => (event.data as Message).seq));
});
