import { describeWithDocker } from '../kit/services/docker';
import { findPoints } from './points/find-points';
import { isUnreached } from './points/unreached';
import { ACTIONS, Sweep } from './sweep/sweep';

/** The whole sweep: each of its tests only waits for the result of its own case. */
const SWEEP_LIMIT_MS = 70 * 60_000;
jest.setTimeout(SWEEP_LIMIT_MS);

/** For work on one point: a regular expression. Without it every point is swept. */
const wanted = new RegExp(process.env.CRASH_POINTS ?? '');

describeWithDocker('a worker or scheduler that dies, or is stopped for longer than its lease', () => {
  const points = findPoints().filter((point) => wanted.test(point));
  const swept = points.filter((point) => !isUnreached(point));
  const sweep = new Sweep();

  beforeAll(() => sweep.open(points));

  afterAll(() => sweep.close());

  it('passes every point in some scenario, or the list says why it cannot', () => {
    expect([...sweep.unreached].sort()).toEqual(points.filter((point) => !swept.includes(point)).sort());
  });

  describe.each(ACTIONS)('%s', (action) => {
    it.each(swept)('%s', (point) => sweep.result(point, action));
  });
});
