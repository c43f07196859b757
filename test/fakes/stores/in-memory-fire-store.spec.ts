import { FakeClock } from '../fake-clock';
import { fireStoreContract } from '../../contracts/stores/fire-store-contract';
import { InMemoryFireStore } from './in-memory-fire-store';
import { InMemoryRunStore } from './in-memory-run-store';

fireStoreContract('InMemoryFireStore', () => {
  const clock = new FakeClock();
  const store = new InMemoryFireStore(clock, new InMemoryRunStore(clock));
  const soon = <T>(value: T): Promise<T> => Promise.resolve(value);
  return {
    store,
    now: () => clock.now(),
    addSchedule: (wish) => soon(store.addSchedule(wish).id),
    editSchedule: (id, edit) => soon(store.editSchedule(id, edit)),
    instantsOf: (id) => {
      const { nextFireAt, followingFireAt } = store.read(id);
      return soon({ nextFireAt, followingFireAt });
    },
    runsOf: (id) => soon(store.runsOf(id)),
    close: () => soon(undefined),
  };
});
