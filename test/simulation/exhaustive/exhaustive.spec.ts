import { explore } from './explore';
import { WHOLE, WITH_FINISHED_WORK, type Scope } from './model';
import { searchAll } from './search-all';

describe('every way that a run can go, over the real decide', () => {
  const whole = explore(WHOLE);

  it('keeps one terminal status, one prompt, and success for what was answered and stored', () => {
    expect(whole.broken).toBeNull();
  });

  it('can always still end with nothing left', () => {
    expect(whole.stuck).toEqual([]);
  });

  it('is looked at as a whole', () => {
    expect(whole.states).toBeGreaterThan(55_000);
    expect(whole.edges).toBeGreaterThan(330_000);
    const decided = ['begin', 'prompt', 'confirm', 'conclude', 'tear_down', 'fail_teardown'];
    const steps = [
      ...decided.map((kind) => `a worker decides: ${kind}`),
      'a worker deploys',
      'a worker adopts the run',
      'the lease runs out',
      'the deadline passes',
      'a person cancels',
      'the reaper removes leftovers',
      'the watch ends the run: failed',
      'the watch ends the run: timeout',
      'the watch ends the run: cancelled',
      'a late create arrives',
      'a late prompt arrives',
      'a worker dies after: permit',
      'permit, the answer lost',
      'finish, the answer lost',
      'something resists',
    ];
    for (const step of steps) expect([step, whole.steps.get(step) ?? 0]).not.toEqual([step, 0]);
  });
});

describe('every way that a run can go whose work is verified and kept', () => {
  const whole = explore(WITH_FINISHED_WORK);

  it('keeps the same, and success for work that was verified', () => {
    expect(whole.broken).toBeNull();
  });

  it('can always still end with nothing left', () => {
    expect(whole.stuck).toEqual([]);
  });

  it('is looked at as a whole', () => {
    const steps = [
      ...['end_work', 'end_collecting'].map((kind) => `a worker decides: ${kind}`),
      'a worker verifies',
      'a worker collects',
      'a worker dies while it verifies',
      'a late program arrives',
      'the work is verified: failed',
      'the limit of the collecting ends',
      'end_work, the answer lost',
      'end_collecting, the answer lost',
    ];
    for (const step of steps) expect([step, whole.steps.get(step) ?? 0]).not.toEqual([step, 0]);
  });
});

describe('the search as a command', () => {
  const lines: string[] = [];
  const search = (scope: Scope): number => searchAll((line) => void lines.push(line), scope);
  beforeEach(() => void lines.splice(0));

  it('ends well where nothing is wrong', () => {
    expect(search({ ...WHOLE, workers: 1 })).toBe(0);
    expect(lines).toContainEqual(expect.stringMatching(/^[\d,]+ states, [\d,]+ steps, \d+ s$/));
  });

  it('ends with 1 and the shortest way to what is forbidden, or to what has no end', () => {
    expect(search({ ...WHOLE, verifiesRemoval: false })).toBe(1);
    expect(lines).toContain('finished, and the prompted agent is still there; the shortest way there:');
    expect(lines).toContain('  1. a worker claims the run');
    expect(search({ ...WHOLE, reaps: false })).toBe(1);
    expect(lines.join('\n')).toMatch(/can no longer end with nothing left; the shortest way there:\n {2}1\. /);
  });
});

describe('a protection that is taken away', () => {
  it('is missed: the check of the epoch', () => {
    const { broken } = explore({ ...WHOLE, checksEpoch: false, foldsStaleWorkers: false, workers: 2 });
    expect(broken?.what).toMatch(/removes the team of a run that is|becomes|twice/);
  });

  it('is missed: the permit, once a worker forgets that another one had it', () => {
    expect(explore({ ...WHOLE, knowsEarlierPermit: false }).broken).toBeNull();
    const { broken } = explore({ ...WHOLE, knowsEarlierPermit: false, checksPermit: false });
    expect(broken?.what).toBe('the agent got the prompt twice');
  });

  it('is missed: asking the engine what is left', () => {
    const { broken } = explore({ ...WHOLE, verifiesRemoval: false });
    expect(broken?.what).toBe('finished, and the prompted agent is still there');
  });

  it('is missed: the epoch that the watch raises', () => {
    expect(explore({ ...WHOLE, watchRaisesEpoch: false }).broken).not.toBeNull();
  });

  it('is missed: the reaper', () => {
    expect(explore({ ...WHOLE, reaps: false }).stuck.length).toBeGreaterThan(0);
  });
});
