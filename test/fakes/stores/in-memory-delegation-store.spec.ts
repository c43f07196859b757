import { FakeClock } from '../fake-clock';
import { delegationStoreContract } from '../../contracts/stores/delegation-store-contract';
import { InMemoryDelegationStore } from './in-memory-delegation-store';
import { InMemoryRunStore } from './in-memory-run-store';

delegationStoreContract('InMemoryDelegationStore', async () => {
  const runs = new InMemoryRunStore(new FakeClock());
  const { id } = runs.addRun();
  const take = async (workerId: string): Promise<{ runId: string; epoch: number }> => {
    const run = await runs.claim(id, { workerId, host: 'h' });
    return { runId: id, epoch: run?.epoch ?? -1 };
  };
  const claim = await take('first');
  await runs.begin(claim, { name: 'd', fallbackName: 'd', host: 'h', runtime: 'docker' });
  return {
    store: new InMemoryDelegationStore(runs),
    claim,
    takeOver: () => {
      runs.expireLease(id);
      return take('second');
    },
    say: async (message) => void (await runs.appendMessages(claim, [{ ...message, at: new Date(0) }])),
    messages: () => Promise.resolve(runs.messages(id)),
  };
});
