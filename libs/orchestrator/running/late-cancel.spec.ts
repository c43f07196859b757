import { settle } from '@test/fakes/fake-clock';
import { obedient, World } from './spec-support';

describe('a cancel that is committed while the prompt is being confirmed', () => {
  it('is not overwritten by the row that was read before it', async () => {
    const world = new World({ lead: obedient(() => undefined) });
    const { id } = world.store.addRun();
    const { holder } = world.worker();
    const confirm = world.store.confirmPrompt.bind(world.store);
    let isConfirmed = false;
    let deliver: () => void = () => undefined;
    const isDelivered = new Promise<void>((resolve) => (deliver = resolve));
    jest.spyOn(world.store, 'confirmPrompt').mockImplementation(async (claim) => {
      const row = await confirm(claim);
      isConfirmed = true;
      await isDelivered;
      return row;
    });
    await holder.start();
    await holder.take(id);
    await world.eventually(() => isConfirmed);
    world.store.requestCancel(id);
    // The signal of the cancel comes through before the answer to the confirmation.
    for (let round = 0; round < 20; round++) await settle();
    deliver();
    // At once, not with the next renewal of the lease.
    await world.until(() => world.store.read(id).status === 'cancelled');
    await holder.stop();
  });
});
