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
});
