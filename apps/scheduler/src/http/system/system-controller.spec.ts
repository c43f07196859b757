import type { WorkerHeartbeat } from '@crewtab/domain/ports/host-store';
import { KEYS, startHttp, type HttpFixture } from '../http-fixture';

const SYSTEM = '/api/v1/system';
const DECOMMISSION = `${SYSTEM}/hosts/host-1/decommission`;
const SIGN: WorkerHeartbeat = {
  id: 'worker-1',
  host: { id: 'host-1', runtime: 'docker', description: 'Docker 20' },
  hostname: 'machine',
  pid: 42,
  version: '1.0.0',
  capacity: 10,
  heldRuns: 1,
  adoptedRuns: 0,
  refusal: null,
  reaper: { lastIterationAgoMs: 2_000, reapedRuns: 3, unremovedResources: 0, error: null },
};
const WORKER = { workerId: SIGN.id, host: SIGN.host.id };

let http: HttpFixture;
beforeEach(async () => {
  http = await startHttp();
});
afterEach(() => http.app.close());

/** A run that stands on host-1; `isOver` leaves its removal owed. */
async function runOnHost(isOver = false): Promise<string> {
  const { hostRuns } = http;
  const { id } = hostRuns.addRun();
  const claimed = await hostRuns.claim(id, WORKER);
  const claim = { runId: id, epoch: claimed?.epoch ?? 0 };
  await hostRuns.begin(claim, { name: `t-${id}`, fallbackName: `u-${id}`, host: WORKER.host, runtime: 'docker' });
  const error = { code: 'agent_error', message: 'no' } as const;
  if (isOver) await hostRuns.conclude(claim, { status: 'failed', result: null, error });
  return id;
}

it('shows hosts, workers with their leases, schedulers and what is owed', async () => {
  await http.hosts.noteWorker(SIGN);
  const sweeper = { lastIterationAgoMs: 1_000, error: null };
  await http.hosts.noteScheduler({ id: 's-1', hostname: 'machine', pid: 7, version: '1.0.0', sweeper });
  const [running, over] = [await runOnHost(), await runOnHost(true)];
  const { body } = await http.call('get', SYSTEM).expect(200);
  const lease = { epoch: 1, leaseUntil: '2026-01-05T09:00:10.000Z' };
  expect(body).toMatchObject({
    at: '2026-01-05T09:00:00.000Z',
    hosts: [{ id: 'host-1', state: 'live', begunRuns: 2, openObligations: 1, decommissionedAt: null }],
    workers: [
      {
        id: 'worker-1',
        isLive: true,
        refusal: null,
        reaper: { lastPassAt: '2026-01-05T08:59:58.000Z', reapedRuns: 3 },
        leases: [
          { ...lease, runId: running, phase: 'deploying' },
          { ...lease, runId: over, phase: 'tearing_down' },
        ],
      },
    ],
    schedulers: [{ id: 's-1', sweeper: { lastPassAt: '2026-01-05T08:59:59.000Z', error: null } }],
    openObligations: 1,
    obligations: [{ runId: over, host: 'host-1', status: 'failed', failedAttempts: 0, error: null }],
    unheldRuns: 0,
    queues: [{ name: 'ticks', jobs: { waiting: 2, delayed: 1 } }],
    settings: [
      { name: 'PORT', value: '3000', isDefault: true },
      { name: 'DATABASE_URL', value: null, isSecret: true },
    ],
  });
});

it('does not wait for a Redis that does not answer', async () => {
  const slow = await startHttp({ deps: { countJobs: () => new Promise(() => undefined) } });
  try {
    const asked = slow.call('get', SYSTEM).expect(200);
    const advanced = setInterval(() => void slow.clock.advance(1_000), 20);
    const { body } = await asked;
    clearInterval(advanced);
    expect(body).toMatchObject({ queues: null, hosts: [] });
  } finally {
    await slow.app.close();
  }
});

it('is for admins only', async () => {
  await http.hosts.noteWorker(SIGN);
  for (const [method, path] of [
    ['get', SYSTEM],
    ['post', DECOMMISSION],
  ] as const) {
    const { body } = await http.call(method, path, KEYS.member).expect(403);
    expect(body).toMatchObject({ code: 'forbidden' });
    await http.call(method, path, 'ctk_nobody').expect(401);
  }
});

describe('decommissioning a host', () => {
  it('is refused while one of its workers is there', async () => {
    await http.hosts.noteWorker(SIGN);
    const { body } = await http.call('post', DECOMMISSION).expect(409);
    expect(body).toMatchObject({ code: 'conflict', detail: expect.stringContaining('worker-1') as string });
  });

  it('is refused for a host that is not known, and for a note that is none', async () => {
    await http.call('post', DECOMMISSION).expect(404);
    await http.call('post', `${SYSTEM}/hosts/no%20host/decommission`).expect(404);
    const { body } = await http.call('post', DECOMMISSION).send({ note: '' }).expect(400);
    expect(body).toMatchObject({ errors: [{ path: 'note' }] });
  });

  it('gives up what is owed there, says who did, and may be repeated', async () => {
    await http.hosts.noteWorker(SIGN);
    const owed = [await runOnHost(), await runOnHost(true)];
    await http.clock.advance(20_000);
    const { body } = await http.call('post', DECOMMISSION).send({ note: 'disk died' }).expect(200);
    expect(body).toEqual({
      id: 'host-1',
      decommissionedAt: '2026-01-05T09:00:20.000Z',
      decommissionedBy: 'API key k1 (disk died)',
      givenUpRunIds: owed,
    });
    const again = await http.call('post', DECOMMISSION).expect(200);
    expect(again.body).toMatchObject({ decommissionedBy: 'API key k1 (disk died)', givenUpRunIds: [] });
    expect(http.logger.messages('warn')).toContain('host decommissioned; what it owed is given up');
    const { body: system } = await http.call('get', SYSTEM).expect(200);
    expect(system).toMatchObject({ hosts: [{ state: 'decommissioned' }], obligations: [], openObligations: 0 });
  });
});
