import type { Mutant } from './mutant';

const unit = (specs: string): Mutant['caughtBy'] => ({ layer: 'unit', specs });
const SCHEDULES = 'libs/domain/schedules';

/** Faults in the pure rules: due instants, catch-up, overlap, the state machine. Their tables and properties notice. */
export const RULE_MUTANTS: readonly Mutant[] = [
  {
    name: 'catch-up-window-is-ignored',
    breaks: 'An instant from last year is run as a catch-up (I2).',
    edits: [
      {
        within: 'libs/domain',
        search: 'if (isWanted && ageMs <= request.catchUpWindowMs)',
        replace: 'if (isWanted)',
      },
    ],
    caughtBy: unit(`${SCHEDULES}/plan-firing.spec.ts`),
  },
  {
    name: 'late-instants-vanish',
    breaks: 'What the catch-up policy does not run is dropped instead of recorded as missed (I2).',
    edits: [
      {
        within: 'libs/domain',
        search: 'occurrences: due.map((scheduledFor) => planOccurrence(request, scheduledFor, newestAt)),',
        replace:
          "occurrences: due.map((scheduledFor) => planOccurrence(request, scheduledFor, newestAt)).filter(({ disposition }) => disposition === 'fire'),",
      },
    ],
    caughtBy: unit(`${SCHEDULES}/plan-firing.spec.ts`),
  },
  {
    name: 'repeated-local-time-fires-twice',
    breaks: 'When clocks go back, a schedule fires in the first and in the second of the two equal hours (I3).',
    edits: [
      {
        within: 'libs/domain',
        search: 'zone.fixedMs === null ? latestLocalTimeShown(zone, after) :',
        replace: 'zone.fixedMs === null ? zone.localTimeAt(after) :',
      },
      {
        within: 'libs/domain',
        search: 'return zone.fixedMs === null ? firstInstantShowing(zone, local) : local - zone.fixedMs;',
        replace: `if (zone.fixedMs !== null) return local - zone.fixedMs;
  const first = firstInstantShowing(zone, local);
  return first > after ? first : after + local - zone.localTimeAt(after);`,
      },
    ],
    caughtBy: unit(`${SCHEDULES}/next-fire.spec.ts`),
  },
  {
    name: 'skipped-local-time-never-fires',
    breaks: 'When clocks go forward over a scheduled time, that day has no run (I2).',
    edits: [
      {
        within: 'libs/domain',
        search: 'if (local <= day.changesAt + day.offsetAfter) return day.changesAt;',
        replace: 'if (local <= day.changesAt + day.offsetAfter) return local - day.offsetAfter;',
      },
    ],
    caughtBy: unit(`${SCHEDULES}/next-fire.spec.ts`),
  },
  {
    name: 'overlap-skip-runs-anyway',
    breaks: 'With overlap `skip`, a due instant runs beside the active run (I10).',
    edits: [
      {
        within: 'libs/domain',
        search: "case 'skip':\n      return 'skip';",
        replace: "case 'skip':\n      return 'run';",
      },
    ],
    caughtBy: unit(`${SCHEDULES}/overlap.spec.ts`),
  },
  {
    name: 'exit-137-is-out-of-memory',
    breaks: 'An agent that was killed is reported as out of memory, though the engine did not say so.',
    edits: [
      {
        within: 'libs/domain',
        search: 'if (end.isOutOfMemory) {',
        replace: 'if (end.isOutOfMemory || end.exitCode === 137) {',
      },
    ],
    caughtBy: unit('libs/domain/runs/decide.spec.ts'),
  },
  {
    name: 'cancel-is-lost-while-prompting',
    breaks: 'A cancel that arrives between permit and confirmation is not looked at before the deadline.',
    edits: [
      {
        within: 'libs/domain',
        search: '  const cancel = cancelled(run);\n  if (cancel) return cancel;\n  if (write',
        replace: '  if (write',
      },
    ],
    caughtBy: unit('libs/domain/runs/decide.spec.ts'),
  },
  {
    name: 'unconfirmed-prompt-is-sent-again',
    breaks: 'A worker that adopts a run between permit and proof writes the prompt a second time (I5).',
    edits: [
      {
        within: 'libs/domain',
        search: 'failed(isUndecidable ? DELIVERY_UNCONFIRMED : null) ??',
        replace: "(isUndecidable ? ({ kind: 'prompt' } as const) : null) ??",
      },
    ],
    caughtBy: unit('libs/domain/runs/decide.spec.ts'),
  },
  {
    name: 'deadline-before-the-end-of-the-work',
    breaks:
      'A team that finished in time while no worker looked is made a timeout by the worker that adopts its run (I13).',
    edits: [
      {
        within: 'libs/domain',
        search: 'ended(run, observation, now) ??',
        replace: '(run.deadlineAt && now >= run.deadlineAt ? null : ended(run, observation, now)) ??',
      },
    ],
    caughtBy: unit('libs/domain/runs/decide.spec.ts'),
  },
  {
    name: 'half-of-the-answer',
    breaks: 'A run is a success while its leader still says the end of its answer.',
    edits: [
      {
        within: 'libs/domain',
        search: 'if (!isSettled(turn, now) && !timedOut(run, observation, now)) return null;',
        replace: '',
      },
    ],
    caughtBy: unit('libs/domain/runs/decide.spec.ts'),
  },
  {
    name: 'silence-is-success',
    breaks: 'A run whose leader said nothing is a success, whatever its schedule allows.',
    edits: [
      {
        within: 'libs/domain',
        search: 'if (isSilent && !plan.allowEmpty)',
        replace: 'if (isSilent && plan.allowEmpty)',
      },
    ],
    caughtBy: unit('libs/domain/runs/decide.spec.ts'),
  },
  {
    name: 'teardown-outlives-the-deadline',
    breaks: 'A success whose removal fails has no terminal status long after its deadline (I4).',
    edits: [
      {
        within: 'libs/domain',
        search: 'Math.min(begunMs + policy.teardownLimitMs, latestMs)',
        replace: 'Math.max(begunMs + policy.teardownLimitMs, latestMs && 0)',
      },
    ],
    caughtBy: unit('libs/domain/runs/decide.spec.ts'),
  },
  {
    name: 'teardown-limit-counts-when-no-worker-tried',
    breaks: 'A success whose worker died is given up at the first small fault of the one that takes over (I13).',
    edits: [
      {
        within: 'libs/domain',
        search: 'new Date(Math.max(ownMs, Math.min(',
        replace: 'new Date(Math.min(Infinity, Math.min(',
      },
    ],
    caughtBy: unit('libs/domain/runs/decide.spec.ts'),
  },
  {
    name: 'success-with-open-delegations',
    breaks: 'A run ends as success while a teammate is still at work (I6).',
    edits: [
      {
        within: 'libs/domain',
        search: "if (turn?.status !== 'done' || observation.openDelegations > 0) return null;",
        replace: "if (turn?.status !== 'done') return null;",
      },
    ],
    caughtBy: unit('libs/domain/runs/decide.spec.ts'),
  },
];
