import { expectSurvived, sufferInChild } from '@test/attacks/support/hostile-output';
import { endLeftoverProcesses } from '@test/kit/processes';

afterEach(endLeftoverProcesses);

/** A few of test/attacks/hostile-output.spec.ts. */
describe('a worker with a small heap that reads the output of a hostile agent', () => {
  it.each(['a line of 40 MB, [1,1,1,…', 'a line of a million messages', 'five million objects'] as const)(
    'lives through %s',
    async (attack) => expectSurvived(attack, await sufferInChild(attack)),
  );

  it('would die of it without the limits', async () => {
    expect(await sufferInChild('a line of 40 MB, [1,1,1,…', 'none')).toBeNull();
  });
});
