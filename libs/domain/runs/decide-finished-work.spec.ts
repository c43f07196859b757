import { decide, type Decision } from './decide';
import { dialogue, EARLIER, LATER, NOW, POLICY, seen, someRun } from './decide.spec-support';
import type { Observation } from './observation';
import type { Outcome, Run } from './run';
import type { Verification, VerificationCheck } from './verification';

const DONE = seen({ lead: { dialogue: dialogue('ready', { status: 'done', text: 'the report' }) } });
const plan = { ...someRun().plan, verify: { command: ['npm', 'test'] }, artifacts: ['*.md'] };
const sent = { state: 'sent', permittedAt: EARLIER, sentAt: EARLIER } as const;
const monitoring = someRun({ phase: 'monitoring', plan, prompt: sent });
const verifying = { ...monitoring, phase: 'verifying', unverifiedResult: 'the report' } as const;
const overdue = { deadlineAt: NOW };
const cancelled = { cancelRequestedAt: EARLIER, cancelCode: 'cancelled' } as const;
const FAILURE = { code: 'engine_error', message: 'no' } as const;

const passed: VerificationCheck = { kind: 'file', name: 'a.md', status: 'passed', message: null, ms: 3 };
const tests: VerificationCheck = {
  kind: 'command',
  name: 'npm test',
  status: 'failed',
  message: 'ended with exit code 1',
  output: '1\n2\n3\n4\n5\n6 failed\n',
  exitCode: 1,
  ms: 900,
};
const schema: VerificationCheck = { kind: 'schema', name: 'result', status: 'failed', message: 'is no JSON', ms: 1 };

function found(...checks: VerificationCheck[]): Observation {
  const status = checks.some((check) => check.status === 'failed') ? 'failed' : 'passed';
  return seen({ verifying: { status: 'done', result: { status, checks } satisfies Verification } });
}

function concluding(outcome: Partial<Outcome>, more: Partial<Run> = {}): Run {
  const whole: Outcome = { status: 'success', result: 'the report', error: null, ...outcome };
  const status = whole.status === 'success' ? 'running' : whole.status;
  return someRun({ phase: 'collecting', plan, prompt: sent, status, outcome: whole, concludedAt: NOW, ...more });
}

function short(decision: Decision): string {
  if (decision.kind === 'conclude') return `conclude ${decision.outcome.error?.code ?? decision.outcome.status}`;
  if (decision.kind === 'collect') return `collect ${decision.graceMs}`;
  if (decision.kind === 'wait') return decision.until ? `wait ${decision.until.getTime() - NOW.getTime()}` : 'wait';
  return decision.kind;
}

const workspace = { git: { url: 'https://git.example/a.git', secret: 'github', push: { branch: 'work' } } };
const pushed = { ...verifying, plan: { ...plan, workspace } };
const pushesAlone = { ...someRun().plan, workspace };

function pushing(state: NonNullable<Observation['pushing']>): Observation {
  return { ...found(passed), pushing: state };
}

describe('decide, once the work is done', () => {
  const underWay = { status: 'under_way' } as const;
  const table: [what: string, run: Run, observation: Observation, expected: string][] = [
    ['monitoring: it is not believed yet', monitoring, DONE, 'end_work'],
    ['monitoring: past the deadline too, at which verifying ends', { ...monitoring, ...overdue }, DONE, 'end_work'],
    [
      'monitoring: what speaks against it goes before',
      monitoring,
      seen({ lead: { dialogue: dialogue('ready', { status: 'done', text: '', isSilent: true }) } }),
      'conclude empty_result',
    ],
    [
      'monitoring: where nothing is asked for, it is believed',
      { ...monitoring, plan: someRun().plan },
      DONE,
      'conclude success',
    ],

    ['verifying: begins', verifying, seen(), 'verify'],
    ['verifying: under way', verifying, seen({ verifying: underWay }), 'wait 3600000'],
    ['verifying: all is well', verifying, found(passed), 'conclude success'],
    ['verifying: one check has failed', verifying, found(passed, tests), 'conclude verification_failed'],
    [
      'verifying: it cannot be done',
      verifying,
      seen({ verifying: { status: 'failed', failure: FAILURE } }),
      'conclude engine_error',
    ],
    ['verifying: the deadline passes', { ...verifying, ...overdue }, seen({ verifying: underWay }), 'conclude timeout'],
    ['verifying: over just at the deadline', { ...verifying, ...overdue }, found(passed), 'conclude success'],
    ['verifying: adopted past the deadline', { ...verifying, ...overdue }, seen(), 'conclude timeout'],
    ['verifying: a push is asked for beside it', pushed, found(passed), 'push'],
    ['verifying: a push alone is', { ...pushed, plan: pushesAlone }, found(), 'push'],
    ['verifying: nothing is pushed that has failed', pushed, found(tests), 'conclude verification_failed'],
    ['verifying: it is being pushed', pushed, pushing(underWay), 'wait 3600000'],
    ['verifying: it is pushed', pushed, pushing({ status: 'done', result: null }), 'conclude success'],
    ['verifying: it was refused', pushed, pushing({ status: 'done', result: FAILURE }), 'conclude engine_error'],
    [
      'verifying: it could not be tried',
      pushed,
      pushing({ status: 'failed', failure: FAILURE }),
      'conclude engine_error',
    ],
    ['verifying: no push begins at the deadline', { ...pushed, ...overdue }, found(passed), 'conclude timeout'],
    [
      'verifying: the deadline passes while it is pushed',
      { ...pushed, ...overdue },
      pushing(underWay),
      'conclude timeout',
    ],
    [
      'monitoring: it is not believed where a push alone is asked for',
      { ...monitoring, plan: pushesAlone },
      DONE,
      'end_work',
    ],
    ['verifying: cancelled', { ...verifying, ...cancelled }, found(passed), 'conclude cancelled'],
    [
      'verifying: what agents do no longer counts',
      verifying,
      seen({ verifying: underWay, lead: { ended: { how: 'vanished' } }, outputFailure: FAILURE }),
      'wait 3600000',
    ],

    ['collecting: begins', concluding({}), seen(), 'collect 0'],
    ['collecting: with grace where work was cut short', concluding({ status: 'timeout' }), seen(), 'collect 5000'],
    ['collecting: under way', concluding({}), seen({ collecting: underWay }), 'wait 60000'],
    ['collecting: done', concluding({}), seen({ collecting: { status: 'done', result: undefined } }), 'end_collecting'],
    [
      'collecting: failed',
      concluding({}),
      seen({ collecting: { status: 'failed', failure: FAILURE } }),
      'end_collecting',
    ],
    [
      'collecting: its limit is over',
      concluding({}, { concludedAt: new Date(NOW.getTime() - 60_000) }),
      seen({ collecting: underWay }),
      'end_collecting',
    ],
    [
      'collecting: a success stops at its deadline',
      concluding({}, overdue),
      seen({ collecting: underWay }),
      'end_collecting',
    ],
    [
      'collecting: a timeout does not',
      concluding({ status: 'timeout' }, overdue),
      seen({ collecting: underWay }),
      'wait 60000',
    ],
    ['collecting: a cancel comes too late', concluding({}, { ...cancelled, deadlineAt: LATER }), seen(), 'collect 0'],
  ];

  it.each(table)('%s', (_what, run, observation, expected) => {
    expect(short(decide(run, observation, NOW, POLICY))).toBe(expected);
  });

  it('keeps what the leader answered and what was found, whatever the outcome', () => {
    expect(decide(verifying, found(passed), NOW, POLICY)).toMatchObject({
      outcome: { status: 'success', result: 'the report', verification: { status: 'passed', checks: [passed] } },
    });
    expect(decide(verifying, found(tests), NOW, POLICY)).toMatchObject({
      outcome: { status: 'failed', result: 'the report', verification: { status: 'failed', checks: [tests] } },
    });
    expect(decide({ ...verifying, ...cancelled }, seen(), NOW, POLICY)).toMatchObject({
      outcome: { status: 'cancelled', result: 'the report' },
    });
  });

  it('says which check failed, how, and the end of what it wrote', () => {
    expect(decide(verifying, found(tests, schema), NOW, POLICY)).toMatchObject({
      outcome: {
        error: {
          code: 'verification_failed',
          message:
            'command "npm test" ended with exit code 1; its output ends: 2\n3\n4\n5\n6 failed (and 1 more of 2 checks)',
        },
      },
    });
  });
});
