import { ContractFixture, type RuntimeContractSetup, type RuntimeContractSupport } from './contract-fixture';
import { describeDeploying } from './contract-deploying';
import { describeEnding } from './contract-ending';
import { describeTalking } from './contract-talking';
import { describeWorkspace } from './contract-workspace';

/**
 * What every Runtime must do. Call it at the top level of a spec:
 *
 *     runtimeContract('DockerRuntime', { oom: true, stop: true }, async () => ({ runtime, … }));
 *
 * `setup` is called once per test; everything that a test deploys is torn down after it, and what is left fails it.
 */
export function runtimeContract(
  name: string,
  supports: RuntimeContractSupport,
  setup: () => RuntimeContractSetup | Promise<RuntimeContractSetup>,
): void {
  describe(`${name} keeps the runtime contract`, () => {
    let fixture: ContractFixture;

    beforeEach(async () => {
      fixture = new ContractFixture(await setup());
    }, 60_000);
    afterEach(() => fixture.dispose(), 60_000);

    describeDeploying(() => fixture);
    describeTalking(() => fixture);
    describeEnding(() => fixture, supports);
    describeWorkspace(() => fixture);
  });
}
