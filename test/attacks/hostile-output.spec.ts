import { endLeftoverProcesses } from '../kit/processes';
import { ATTACKS, expectSurvived, sufferInChild, type AttackName } from './support/hostile-output';

afterEach(endLeftoverProcesses);

describe('a worker with a small heap that reads the output of a hostile agent', () => {
  it.each(Object.keys(ATTACKS) as AttackName[])('lives through %s', async (attack) => {
    const found = await sufferInChild(attack);
    console.log(`${attack}: ${found?.memoryMib} MiB, stood still for ${found?.longestStopMs} ms`);
    expectSurvived(attack, found);
  });

  it.each(['five million objects', 'a line of 15 MB of messages'] as const)(
    'would die of %s without the limits',
    async (attack) => expect(await sufferInChild(attack, 'none')).toBeNull(),
  );
});
