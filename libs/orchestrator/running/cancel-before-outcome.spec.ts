import { obedient, World } from './spec-support';

describe('a cancel that is committed while the outcome is on its way', () => {
  it('goes before it: who was told that the run will be cancelled is not shown a success', async () => {
    const world = new World({ lead: obedient() });
    const { id } = world.store.addRun();
    const { holder } = world.worker();
    const conclude = world.store.conclude.bind(world.store);
    const asked: string[] = [];
    jest.spyOn(world.store, 'conclude').mockImplementation((claim, outcome) => {
      if (asked.push(outcome.status) === 1) world.store.requestCancel(id);
      return conclude(claim, outcome);
    });
    await holder.start();
    await holder.take(id);
    await world.until(() => world.store.read(id).phase === 'finished');
    expect(asked).toEqual(['success', 'cancelled']);
    expect(world.store.read(id)).toMatchObject({ status: 'cancelled', outcome: { error: { code: 'cancelled' } } });
    await holder.stop();
  });
});
