import { TEARDOWN_LIMIT_MS } from '../reaping/remove-run';
import { World } from './spec-support';

describe('a teardown', () => {
  it('is not taken for a clean one because the engine did not answer', async () => {
    const world = new World();
    const { id } = world.store.addRun();
    const { holder, runtime } = world.worker();
    runtime.faults.next('teardown', 'failBefore');
    await holder.take(id);
    await world.eventually(() => world.store.read(id).phase === 'finished');
    expect(world.engine.agents).toHaveLength(0);
    expect(world.store.read(id).status).toBe('success');
    expect(world.store.read(id).teardown).toMatchObject({
      failedAttempts: 1,
      receipt: { containers: 2 },
    });
    await holder.stop();
  });

  it('is complete although its answer was lost, and is verified by asking again', async () => {
    const world = new World();
    const { id } = world.store.addRun();
    const { holder, runtime } = world.worker();
    runtime.faults.next('teardown', 'failAfter');
    await holder.take(id);
    await world.eventually(() => world.store.read(id).phase === 'finished');
    expect(world.engine.agents).toHaveLength(0);
    expect(runtime.callsOf('teardown')).toBe(2);
    await holder.stop();
  });

  it('is given up when the engine never answers, counted, and tried again by the same worker', async () => {
    const world = new World();
    const { id } = world.store.addRun();
    const { holder, runtime } = world.worker();
    const gate = runtime.faults.next('teardown', 'hang');
    await holder.start();
    await holder.take(id);
    await world.until(() => runtime.callsOf('teardown') === 1);
    const { epoch } = world.store.read(id);
    await world.eventually(() => world.store.read(id).phase === 'finished', TEARDOWN_LIMIT_MS + 1_000);
    expect(world.store.read(id)).toMatchObject({ status: 'success', epoch, teardown: { failedAttempts: 1 } });
    expect(world.logger.entries.find(({ message }) => message === 'teardown failed')?.fields).toMatchObject({
      code: 'teardown_failed',
      error: `the engine did not answer within ${TEARDOWN_LIMIT_MS} ms`,
    });
    // What hung may come back later: it changes nothing any more.
    const before = world.store.read(id);
    gate.release();
    await world.clock.advance(10_000);
    expect(world.store.read(id)).toEqual(before);
    await holder.stop();
  });

  it('does not wait for ever for the making of an agent that never answers', async () => {
    const world = new World();
    const { id } = world.store.addRun();
    const { holder, runtime } = world.worker();
    const ensureAgent = jest.spyOn(runtime, 'ensureAgent').mockReturnValue(new Promise(() => undefined));
    await holder.start();
    await holder.take(id);
    await world.until(() => ensureAgent.mock.calls.length > 0);
    world.store.requestCancel(id);
    await world.eventually(() => world.store.read(id).phase === 'finished', TEARDOWN_LIMIT_MS + 5_000);
    expect(world.store.read(id)).toMatchObject({ status: 'cancelled', teardown: { failedAttempts: 0 } });
    expect(world.logger.messages('warn')).toContain(
      'a call that makes something does not come back; tearing down without it',
    );
    await holder.stop();
  });
});
