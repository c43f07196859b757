import { runEventContract } from '../../contracts/stores/run-event-contract';
import { FakeClock } from '../fake-clock';
import { InMemoryHostStore } from './in-memory-host-store';
import { InMemoryRunStore } from './in-memory-run-store';
import { inMemorySubject } from './in-memory-subject';

runEventContract('the in-memory store', () => {
  const clock = new FakeClock();
  const store = new InMemoryRunStore(clock);
  return { ...inMemorySubject(store), hosts: new InMemoryHostStore(store, clock), events: store.events };
});
