import { runEventContract } from '../../contracts/stores/run-event-contract';
import { runStoreSubject } from './run-store-subject';
import { StoreFixture } from './store-fixture';

let fixture: StoreFixture;

beforeAll(async () => {
  fixture = await StoreFixture.create();
});
afterAll(() => fixture.dispose());

runEventContract('Postgres', async () => {
  const subject = await runStoreSubject(fixture);
  return { ...subject, hosts: fixture.store.hosts, events: fixture.store.events };
});
