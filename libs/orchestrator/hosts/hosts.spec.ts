import { settle } from '@test/fakes/fake-clock';
import { InMemoryHostStore } from '@test/fakes/stores/in-memory-host-store';
import { TEARDOWN_LIMIT_MS } from '../running/team-deployment';
import { OrphanReaper } from '../reaping/orphan-reaper';
import type { RunHolder } from '../running/run-holder';
import { World } from '../running/spec-support';
import { HostPresence } from './host-presence';
import { LostHostDetector } from './lost-host-detector';

const LIMIT_MS = 60_000;

/** Two machines on one database would be two engines; here the other one is what an unresponsive host leaves in the store. */
class HostWorld extends World {
  readonly hosts = new InMemoryHostStore(this.store, this.clock);
  readonly watch = new LostHostDetector(
    { hosts: this.hosts, clock: this.clock, logger: this.logger },
    {
      about: { id: 'scheduler-1', hostname: 'm', pid: 1, version: '1' },
      sweeper: () => ({ lastIterationAt: this.clock.now(), lastError: null }),
      hostTimeoutMs: LIMIT_MS,
    },
  );

  /** A worker with its presence, as the app wires them. */
  present() {
    const { holder, runtime, identity } = this.worker(10, undefined, undefined, () => presence.mayClaim);
    const { store, toolServer, clock, logger, hosts } = this;
    const reaper = new OrphanReaper({ store, runtime, toolServer, egressProxy: null, clock, logger });
    const presence: HostPresence = new HostPresence(
      { hosts, store, runtime, toolServer, egressProxy: null, reaper, clock, logger },
      {
        worker: identity,
        about: {
          hostname: 'm',
          pid: 2,
          version: '1',
          host: { id: identity.host, runtime: 'docker', description: 'a fake' },
          capacity: 10,
        },
        load: () => ({ heldRuns: holder.heldRunIds.length, adoptedRuns: holder.adoptedRuns }),
        onAdmitted: () => void holder.adoptAbandoned(),
      },
    );
    return { holder, runtime, presence, identity };
  }

  async refusal(): Promise<string | null | undefined> {
    return (await this.hosts.readSystem()).workers[0]?.refusal;
  }
}

let world: HostWorld;
const started: { holder: RunHolder; presence: HostPresence }[] = [];

beforeEach(() => {
  world = new HostWorld({ lead: { onLine: (line, io) => void (line === 'hello' && io.emit('ready')) } });
});
afterEach(async () => {
  world.store.setUnreachable(false);
  for (const { holder, presence } of started.splice(0)) {
    await holder.stop();
    await presence.stop();
  }
  await world.watch.stop();
  expect((await world.hosts.readSystem()).workers.filter(({ isLive }) => isLive)).toEqual([]);
});

const start = async (worker = world.present()) => {
  started.push(worker);
  await worker.presence.start();
  await worker.holder.start();
  return worker;
};

/** A begun run whose worker dies without a word. */
async function abandonedRun(): Promise<string> {
  const [id = ''] = await abandonedRuns(1);
  return id;
}

async function abandonedRuns(count: number): Promise<string[]> {
  const { holder, presence } = await start();
  const ids = Array.from({ length: count }, () => world.store.addRun().id);
  for (const id of ids) expect(await holder.take(id)).toBe('taken');
  await world.eventually(() => ids.every((id) => world.store.read(id).phase === 'monitoring'));
  started.splice(0);
  world.store.setUnreachable(true);
  await holder.stop().catch(() => undefined);
  await presence.stop();
  world.store.setUnreachable(false);
  return ids;
}

describe('a worker on its host', () => {
  it('reaps before it takes work, and says so', async () => {
    const { holder } = await start();
    expect(world.logger.messages('info')).toContain('host reaped; the worker takes work from now on');
    expect(await world.refusal()).toBe('it has not yet reaped its host');
    await world.clock.advance(5_000);
    expect(await world.refusal()).toBeNull();
    expect(holder.hasCapacity).toBe(true);
    expect((await world.hosts.readSystem()).hosts[0]).toMatchObject({
      state: 'live',
      reapedAt: expect.any(Date) as Date,
    });
  });

  it('takes nothing while its engine does not answer, says why, and begins when it does', async () => {
    const worker = world.present();
    for (let times = 0; times < 3; times++) worker.runtime.faults.next('list', 'failBefore');
    await start(worker);
    const { id } = world.store.addRun();
    expect(await worker.holder.take(id)).toBe('full');
    expect(await worker.holder.adoptAbandoned()).toBe(0);
    await world.clock.advance(5_000);
    expect(await world.refusal()).toMatch(/^reaping its host failed: /);
    expect(world.logger.messages('error')).toContain('takes no work: reaping its host failed; trying again');
    await world.eventually(() => worker.presence.mayClaim);
    expect(await worker.holder.take(id)).toBe('taken');
  });

  it('takes nothing after it was unresponsive before it has reaped again', async () => {
    const { presence, runtime } = await start();
    expect(presence.mayClaim).toBe(true);
    world.store.setUnreachable(true);
    await world.clock.advance(20_000);
    expect(presence.mayClaim).toBe(false);
    runtime.faults.next('list', 'failBefore');
    world.store.setUnreachable(false);
    await world.clock.advance(5_000);
    expect(presence.mayClaim).toBe(false);
    expect(world.logger.messages('warn')).toContain('takes no work before it has reaped its host');
    await world.eventually(() => presence.mayClaim);
  });

  it('sends heartbeats and is admitted although a call never comes back', async () => {
    const worker = world.present();
    const never = (): Promise<never> => new Promise(() => undefined);
    jest.spyOn(world.hosts, 'noteWorker').mockImplementationOnce(never);
    jest.spyOn(world.hosts, 'readmit').mockImplementationOnce(never);
    started.push(worker);
    const isStarted = worker.presence.start();
    await world.eventually(() => worker.presence.mayClaim, 200_000);
    await isStarted;
    expect(world.logger.messages('error')).toContain('takes no work: reaping its host failed; trying again');
    jest.spyOn(world.hosts, 'noteWorker').mockImplementationOnce(never);
    await world.clock.advance(25_000);
    expect(world.logger.messages('error')).toContain('a heartbeat does not come back; giving the next one');
    await world.eventually(() => worker.presence.mayClaim, 10_000);
  });

  it('pays what the host owes before anything else, with a receipt', async () => {
    const id = await abandonedRun();
    world.watch.start();
    await world.eventually(() => world.store.read(id).status === 'failed');
    expect(world.store.read(id)).toMatchObject({ phase: 'tearing_down', outcome: { error: { code: 'host_lost' } } });
    expect(world.engine.leaks.containers).toBe(2);
    await start();
    expect(world.store.read(id)).toMatchObject({
      phase: 'finished',
      teardown: { receipt: { removed: { container: 2 }, givenUp: null } },
    });
    expect(world.engine.leaks).toEqual({ containers: 0, networks: 0, volumes: 0 });
    const said = world.logger.messages('info');
    expect(said.indexOf('removed what the host still owed of a run that is over')).toBeLessThan(
      said.lastIndexOf('host reaped; the worker takes work from now on'),
    );
  });

  it('gives up a removal that never answers, removes what else the host owes meanwhile, and adopts that run', async () => {
    const ids = await abandonedRuns(2);
    const finished = (): number => ids.filter((id) => world.store.read(id).phase === 'finished').length;
    world.watch.start();
    await world.eventually(() => ids.every((id) => world.store.read(id).status === 'failed'));
    const worker = world.present();
    worker.runtime.faults.next('teardown', 'hang');
    started.push(worker);
    const isStarted = worker.presence.start();
    await world.eventually(() => finished() === 1, 1_000);
    expect(worker.presence.mayClaim).toBe(false);
    await world.eventually(() => worker.presence.mayClaim, TEARDOWN_LIMIT_MS);
    await isStarted;
    await worker.holder.start();
    await world.eventually(() => finished() === 2, 5_000);
    const words = 'the removal of what the host owes from before gives no answer; it is tried again';
    expect(world.logger.messages('error')).toContain(words);
    expect(world.engine.leaks).toEqual({ containers: 0, networks: 0, volumes: 0 });
  });

  it('is admitted again by reaping when its host was decommissioned meanwhile', async () => {
    const id = await abandonedRun();
    await world.clock.advance(20_000);
    expect(await world.hosts.decommission('fake-host', 'ada')).toMatchObject({ givenUpRunIds: [id] });
    expect(world.store.read(id).teardown.receipt).toMatchObject({ verifiedAt: null, givenUp: { by: 'ada' } });
    await start();
    expect(world.logger.messages('info')).toContain(
      'host reaped; it was decommissioned, is back, and takes work again',
    );
    expect(world.store.read(id).teardown.receipt).toMatchObject({
      removed: { container: 2 },
      verifiedAt: expect.any(Date) as Date,
    });
    expect(world.engine.leaks).toEqual({ containers: 0, networks: 0, volumes: 0 });
  });
});

describe('the watch over hosts', () => {
  it('ends nothing of a host that is there, nor after an outage of the database', async () => {
    const { holder } = await start();
    const { id } = world.store.addRun();
    await holder.take(id);
    world.watch.start();
    await world.clock.advance(LIMIT_MS * 2);
    world.store.setUnreachable(true);
    await world.clock.advance(LIMIT_MS * 2);
    world.store.setUnreachable(false);
    await world.clock.advance(30_000);
    expect(world.store.read(id)).toMatchObject({ status: 'running', phase: 'monitoring' });
    expect(world.logger.messages('error')).toContain('watching the hosts failed; trying again');
  });

  it('says what it ended and why', async () => {
    const id = await abandonedRun();
    world.watch.start();
    await world.eventually(() => world.store.read(id).status === 'failed');
    const entry = world.logger.entries.find(({ message }) => message.startsWith('ended a run whose worker'));
    expect(entry).toMatchObject({
      level: 'error',
      fields: { runId: id, host: 'fake-host', phase: 'monitoring', status: 'failed', code: 'host_lost' },
    });
    await settle();
  });
});
