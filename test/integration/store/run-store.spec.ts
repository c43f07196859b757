import { runStoreContract } from '../../contracts/stores/run-store-contract';
import { runStoreSubject } from './run-store-subject';
import { StoreFixture } from './store-fixture';
import { createOwnedDatabase } from '../../kit/services/database';

let fixture: StoreFixture;

beforeAll(async () => {
  fixture = await StoreFixture.create(await createOwnedDatabase());
});
afterAll(() => fixture.dispose());

runStoreContract('PrismaRunStore', () => runStoreSubject(fixture));
