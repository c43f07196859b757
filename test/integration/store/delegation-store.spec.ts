import { delegationStoreContract } from '../../contracts/stores/delegation-store-contract';
import { StoreFixture } from './store-fixture';

let fixture: StoreFixture;

beforeAll(async () => {
  fixture = await StoreFixture.create();
});
afterAll(() => fixture.dispose());

delegationStoreContract('PrismaDelegationStore', async () => {
  const { store } = fixture;
  const schedule = await fixture.schedule();
  const { id: runId } = await fixture.manualRun(schedule.organizationId, schedule.id);
  const take = async (workerId: string): Promise<{ runId: string; epoch: number }> => {
    const run = await store.runs.claim(runId, { workerId, host: 'h' });
    return { runId, epoch: run?.epoch ?? -1 };
  };
  const claim = await take('first');
  await store.runs.begin(claim, { name: `team-${runId}`, fallbackName: runId, host: 'h', runtime: 'fake' });
  return {
    store: store.delegations,
    claim,
    takeOver: async () => {
      await fixture.expireLease(runId);
      return take('second');
    },
    say: async (message) => void (await store.runs.appendMessages(claim, [{ ...message, at: new Date() }])),
    messages: async () =>
      (await store.archive.listMessages(schedule.organizationId, runId, 0, { limit: 100, contents: 'whole' }))?.items ??
      [],
  };
});
