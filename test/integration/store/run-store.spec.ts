import { runStoreContract } from '../../contracts/stores/run-store-contract';
import { runStoreSubject } from './run-store-subject';
import { StoreFixture } from './store-fixture';

let fixture: StoreFixture;

beforeAll(async () => {
  fixture = await StoreFixture.create();
});
afterAll(() => fixture.dispose());

runStoreContract('PrismaRunStore', () => runStoreSubject(fixture));
