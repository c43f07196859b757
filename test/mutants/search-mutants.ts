import type { Mutant } from './mutant';

const search: Mutant['caughtBy'] = {
  layer: 'exhaustive search',
  specs: 'test/simulation/exhaustive/exhaustive.spec.ts',
  tests: 'every way that a run can go',
};

/** Faults in the transition table that show only in some order of steps of several workers. */
export const SEARCH_MUTANTS: readonly Mutant[] = [
  {
    name: 'success-before-the-turn-ends',
    breaks: 'A run is a success as soon as its turn is open, before the answer is there (I6).',
    edits: [
      {
        within: 'libs/domain',
        search: "if (turn?.status !== 'done' || observation.openDelegations > 0) return null;",
        replace: "if (!turn || turn.status === 'failed' || observation.openDelegations > 0) return null;",
      },
      {
        within: 'libs/domain',
        search: "outcome: { status: 'success', result: turn.text, error }",
        replace: "outcome: { status: 'success', result: 'text' in turn ? turn.text : '', error }",
      },
    ],
    caughtBy: search,
  },
  {
    name: 'teardown-is-tried-once',
    breaks: 'After a teardown that failed no worker tries again: the run never ends (I4, I15).',
    edits: [
      {
        within: 'libs/domain',
        search: 'if (observation.nextTeardownAt && observation.nextTeardownAt > now) {',
        replace:
          'if (run.teardown.failedAttempts > 0 && !teardownDeadlineAt) return waitUntil(null);\n  if (observation.nextTeardownAt && observation.nextTeardownAt > now) {',
      },
    ],
    caughtBy: search,
  },
];
