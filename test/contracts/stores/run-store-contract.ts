import { describeClaiming } from './contract-claiming';
import { describeConversing } from './contract-conversing';
import { describeFinishing } from './contract-finishing';
import { describeKeptWorkspaces } from './contract-kept-workspaces';
import { describeLiving } from './contract-living';
import { RunStoreFixture, type RunStoreSetup } from './run-store-fixture';

/**
 * What every RunStore must do. Call it at the top level of a spec:
 *
 *     runStoreContract('InMemoryRunStore', async () => ({ store, addRun, … }));
 *
 * `setup` is called once per test and must answer an empty store (other tests' runs would be offered and claimed too).
 */
export function runStoreContract(name: string, setup: RunStoreSetup): void {
  describe(`${name} keeps the run store's contract`, () => {
    let fixture: RunStoreFixture;

    beforeEach(async () => {
      fixture = new RunStoreFixture(await setup());
    });
    afterEach(() => fixture.subject.close());

    describeClaiming(() => fixture);
    describeLiving(() => fixture);
    describeFinishing(() => fixture);
    describeKeptWorkspaces(() => fixture);
    describeConversing(() => fixture);
  });
}
