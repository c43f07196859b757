import { decideLoss, type UnheldRun } from './host-loss';

const NOW = new Date('2026-01-05T09:00:00Z');
const LIMIT_MS = 300_000;
const ago = (seconds: number): Date => new Date(NOW.getTime() - seconds * 1_000);
const RUN: UnheldRun['run'] = {
  id: 'r',
  phase: 'monitoring',
  status: 'running',
  host: 'host-1',
  deadlineAt: ago(-3_600),
  cancelRequestedAt: null,
  cancelCode: null,
  outcome: null,
  teardown: { begunAt: null },
};
const PENDING = {
  phase: 'tearing_down',
  outcome: { status: 'success', result: 'done', error: null },
  teardown: { begunAt: ago(400) },
} as const;

interface Case {
  readonly run?: Partial<UnheldRun['run']>;
  /** Seconds ago; a negative number is yet to come. */
  readonly lease?: number | null;
  readonly seen?: number | null;
  readonly steady?: number;
  readonly expected: string | null;
}

const CASES: Readonly<Record<string, Case>> = {
  'is kept while its worker holds it': { lease: -5, seen: 3, expected: null },
  'is kept while its host is unresponsive for less than the limit': { lease: 280, seen: 290, expected: null },
  'is lost when its host is unresponsive for the limit': { lease: 290, seen: 300, expected: 'failed host_lost' },
  'is lost when its host was never heard of': { lease: null, seen: null, expected: 'failed host_lost' },
  'is kept when the scheduler has not watched for long': { lease: 300, seen: 9_000, steady: 290, expected: null },
  'is kept while a long lease holds, though its host is unresponsive': { lease: -60, seen: 300, expected: null },
  'is lost at its deadline, a long lease or not': {
    run: { deadlineAt: ago(1) },
    lease: -60,
    seen: 300,
    expected: 'failed host_lost',
  },
  'is kept at its deadline by a host that was heard of': {
    run: { deadlineAt: ago(1) },
    lease: 5,
    seen: 19,
    expected: null,
  },
  'is lost at its deadline when its host is unresponsive for longer than an adoption takes': {
    run: { deadlineAt: ago(0) },
    lease: 10,
    seen: 20,
    expected: 'failed host_lost',
  },
  'is ended past its deadline when a living host leaves it alone': {
    run: { deadlineAt: ago(31) },
    lease: 30,
    seen: 1,
    expected: 'timeout timeout',
  },
  'is kept past its deadline while an adoption may still come': {
    run: { deadlineAt: ago(600) },
    lease: 29,
    seen: 1,
    expected: null,
  },
  'is kept past its deadline just after an outage': {
    run: { deadlineAt: ago(600) },
    lease: 600,
    seen: 1,
    steady: 29,
    expected: null,
  },
  'is cancelled as asked, when its host is unresponsive': {
    run: { cancelRequestedAt: ago(60), cancelCode: 'replaced' },
    lease: 10,
    seen: 20,
    expected: 'cancelled replaced',
  },
  'is left to its host for the cancel, while that is there': {
    run: { cancelRequestedAt: ago(60), cancelCode: 'cancelled' },
    lease: 10,
    seen: 19,
    expected: null,
  },
  'that waits for its teardown is lost with its host': {
    run: PENDING,
    lease: 290,
    seen: 300,
    expected: 'failed host_lost',
  },
  'that waits for its teardown is past being cancelled': {
    run: { ...PENDING, cancelRequestedAt: ago(60), cancelCode: 'cancelled' },
    lease: 290,
    seen: 300,
    expected: 'failed host_lost',
  },
  'that waits for its teardown is kept past its deadline while an adoption may still come': {
    run: { ...PENDING, deadlineAt: ago(3_600) },
    lease: 29,
    seen: 1,
    expected: null,
  },
  'that waits for its teardown ends at last': {
    run: { ...PENDING, deadlineAt: ago(3_600) },
    lease: 30,
    seen: 1,
    expected: 'failed teardown_failed',
  },
};

describe('a run without its worker', () => {
  it.each(Object.entries(CASES))('%s', (_, { run = {}, lease = 100, seen = 1, steady = 9_000, expected }) => {
    const watched: UnheldRun = {
      run: { ...RUN, ...run },
      leaseUntil: lease === null ? null : ago(lease),
      hostSeenAt: seen === null ? null : ago(seen),
      steadySince: ago(steady),
    };
    const outcome = decideLoss(watched, NOW, LIMIT_MS);
    expect(outcome && `${outcome.status} ${outcome.error?.code ?? ''}`).toBe(expected);
    if (outcome?.error?.code === 'host_lost' && run.phase === 'tearing_down') expect(outcome.result).toBe('done');
  });

  it('is told which host, since when, and in which phase', () => {
    const outcome = decideLoss(
      { run: RUN, leaseUntil: null, hostSeenAt: ago(400), steadySince: ago(9_000) },
      NOW,
      LIMIT_MS,
    );
    expect(outcome?.error?.message).toBe(
      'the host was lost: no worker of host host-1 sent a heartbeat for 400 s (it was last heard of at 2026-01-05T08:53:20.000Z, in phase monitoring)',
    );
  });
});
