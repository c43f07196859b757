import { FakeClock } from '../fake-clock';
import { InMemoryRunStore } from './in-memory-run-store';
import { inMemorySubject } from './in-memory-subject';
import { runStoreContract } from '../../contracts/stores/run-store-contract';

runStoreContract('InMemoryRunStore', () => inMemorySubject(new InMemoryRunStore(new FakeClock())));

describe('InMemoryRunStore', () => {
  it('loses answers and is unreachable when told to', async () => {
    const store = new InMemoryRunStore(new FakeClock());
    const { id } = store.addRun();
    store.loseAnswers('claim');
    const worker = { workerId: 'w', host: 'h' };
    await expect(store.claim(id, worker)).rejects.toMatchObject({ code: 'store_unreachable', retryable: true });
    expect(store.read(id).epoch).toBe(1);
    store.setUnreachable(true);
    await expect(store.lookUp([id])).rejects.toMatchObject({ code: 'store_unreachable' });
    store.setUnreachable(false);
    expect((await store.lookUp([id])).size).toBe(1);
  });
});
