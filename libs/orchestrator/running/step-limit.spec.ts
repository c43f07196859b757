import { DEFAULT_ENGINE_OPTIONS } from './orchestrator-deps';
import type { RunHolder } from './run-holder';
import { World } from './spec-support';

const { stepLimitMs } = DEFAULT_ENGINE_OPTIONS;
const WORDS = 'a step of the run does not come back; abandoning the run, to be taken up anew';

/** The next so many receipts are not answered, and not stored, before `release` is called. */
function hangAtFinish(world: World, times = 1): { readonly calls: () => number; readonly release: () => void } {
  const finish = world.store.finish.bind(world.store);
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const spy = jest.spyOn(world.store, 'finish');
  for (let time = 0; time < times; time++) spy.mockImplementationOnce((...of) => released.then(() => finish(...of)));
  return { calls: () => spy.mock.calls.length, release: () => release() };
}

/** A call that hangs is waited for a little while at the end. */
async function stopBesideHanging(holder: RunHolder, world: World): Promise<void> {
  const stopped = holder.stop();
  await world.clock.advance(10_000);
  await stopped;
}

describe('a step that hangs in spite of all limits', () => {
  it('is abandoned, and the same worker takes the run up anew', async () => {
    const world = new World();
    const { id } = world.store.addRun();
    const { holder } = world.worker();
    const hanging = hangAtFinish(world);
    await holder.start();
    await holder.take(id);
    await world.until(() => hanging.calls() === 1);
    const epoch = world.store.read(id).epoch;
    await world.eventually(() => world.store.read(id).phase === 'finished', stepLimitMs + 10_000);
    expect(world.store.read(id)).toMatchObject({ status: 'success', epoch: epoch + 1 });
    expect(world.logger.messages('error')).toEqual([WORDS]);
    expect(world.engine.agents).toHaveLength(0);
    expect(world.turnsSeen).toHaveLength(1);
    // What hung may come back later: it changes nothing any more.
    const before = world.store.read(id);
    hanging.release();
    await world.clock.advance(10_000);
    expect(world.store.read(id)).toEqual(before);
    await holder.stop();
  });

  it('is renewed no more once the worker has abandoned the run for another reason', async () => {
    const world = new World();
    const { id } = world.store.addRun();
    const { holder } = world.worker(1);
    const hanging = hangAtFinish(world);
    await holder.start();
    await holder.take(id);
    await world.until(() => hanging.calls() === 1);
    world.store.setUnreachable(true);
    await world.eventually(() => holder.heldRunIds.length === 0, 10_000);
    world.store.setUnreachable(false);
    await world.eventually(() => world.store.read(id).phase === 'finished', 15_000);
    expect(world.logger.messages('error')).toEqual(['could not renew the lease in time; abandoning the run']);
    await stopBesideHanging(holder, world);
  });

  it('does not hold up the end of the worker', async () => {
    const world = new World();
    const { id } = world.store.addRun();
    const { holder } = world.worker();
    const hanging = hangAtFinish(world, 2);
    await holder.start();
    await holder.take(id);
    await world.eventually(() => hanging.calls() === 2, stepLimitMs + 10_000);
    await stopBesideHanging(holder, world);
    const next = world.worker();
    await next.holder.start();
    await world.eventually(() => world.store.read(id).phase === 'finished');
    await next.holder.stop();
  });

  it('is none while a run only waits', async () => {
    const world = new World({ lead: { onLine: (line, io) => void (line === 'hello' && io.emit('ready')) } });
    const { id } = world.store.addRun({ plan: { timeoutMs: 3 * stepLimitMs } });
    const { holder } = world.worker();
    await holder.start();
    await holder.take(id);
    await world.eventually(() => world.store.read(id).phase === 'finished', 4 * stepLimitMs);
    expect(world.store.read(id)).toMatchObject({ status: 'timeout', epoch: 1 });
    expect(world.logger.messages('error')).toEqual([]);
    await holder.stop();
  });
});

describe('a renewal that hangs', () => {
  it('is abandoned when the lease has run out, and the worker takes up runs again', async () => {
    const world = new World({ lead: { onLine: (line, io) => void (line === 'hello' && io.emit('ready')) } });
    const { id } = world.store.addRun();
    const { holder } = world.worker();
    await holder.start();
    await holder.take(id);
    await world.eventually(() => world.store.read(id).phase === 'monitoring');
    jest.spyOn(world.store, 'renewLeases').mockReturnValueOnce(new Promise(() => undefined));
    await world.eventually(() => world.store.read(id).epoch === 2);
    expect(world.store.read(id).phase).toBe('monitoring');
    expect(world.logger.messages('error')).toContain('renewing the leases does not come back; beginning again');
    await holder.stop();
  });
});
