import { FakeClock } from '../fake-clock';
import { hostImageContract } from '../../contracts/stores/host-image-contract';
import { hostStoreContract } from '../../contracts/stores/host-store-contract';
import { InMemoryHostImages } from './in-memory-host-images';
import { InMemoryHostStore } from './in-memory-host-store';
import { InMemoryRunStore } from './in-memory-run-store';
import { inMemorySubject } from './in-memory-subject';

hostStoreContract('InMemoryHostStore', () => {
  const clock = new FakeClock();
  const store = new InMemoryRunStore(clock);
  return {
    ...inMemorySubject(store),
    hosts: new InMemoryHostStore(store, clock),
    passTime: (ms) => clock.advance(ms),
  };
});

hostImageContract('InMemoryHostImages', () => {
  const clock = new FakeClock();
  const store = new InMemoryRunStore(clock);
  const hosts = new InMemoryHostStore(store, clock);
  const images = new InMemoryHostImages(hosts, clock);
  return Promise.resolve({ ...inMemorySubject(store), hosts, images, passTime: (ms) => clock.advance(ms) });
});

describe('InMemoryHostStore', () => {
  it('is as unreachable as its runs', async () => {
    const store = new InMemoryRunStore(new FakeClock());
    const hosts = new InMemoryHostStore(store, new FakeClock());
    store.setUnreachable(true);
    await expect(hosts.readSystem()).rejects.toMatchObject({ code: 'store_unreachable', retryable: true });
  });
});
