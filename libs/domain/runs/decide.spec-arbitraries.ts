import fc from 'fast-check';
import type { AgentObservation, Observation } from './observation';
import { isConcluded, RUN_PHASES, type Outcome, type Run } from './run';
import { agentSeen, dialogue, EARLIER, LATER, NOW, someRun } from './decide.spec-support';

const instant = fc.constantFrom(EARLIER, NOW, LATER);
const failure = { code: 'agent_error', message: 'boom' } as const;

function anyAgent(name: string, role: AgentObservation['role']): fc.Arbitrary<AgentObservation> {
  const turn = fc.constantFrom(
    null,
    { status: 'open' } as const,
    { status: 'done', text: 'fine' } as const,
    { status: 'done', text: 'fine', settlesAt: EARLIER } as const,
    { status: 'done', text: 'fine', settlesAt: LATER } as const,
    { status: 'done', text: '', isSilent: true, openCalls: ['ls'] } as const,
    { status: 'failed', failure } as const,
  );
  const talk = fc.tuple(fc.constantFrom('pending' as const, 'ready' as const, 'failed' as const), turn, fc.boolean());
  return fc.record({
    name: fc.constant(name),
    role: fc.constant(role),
    deploy: fc.constantFrom<AgentObservation['deploy']>(
      { status: 'not_asked' },
      { status: 'under_way' },
      { status: 'started' },
      { status: 'failed', failure },
    ),
    dialogue: fc.option(talk.map(([handshake, ended, hasSeenWork]) => dialogue(handshake, ended, hasSeenWork))),
    handshakeDeadlineAt: fc.option(instant),
    ended: fc.option(
      fc.oneof(
        fc.constant({ how: 'vanished' } as const),
        fc.record({
          how: fc.constant('exited' as const),
          exitCode: fc.constantFrom(0, 1, 137, 143),
          isOutOfMemory: fc.boolean(),
          mayLackOutput: fc.boolean(),
        }),
      ),
    ),
  });
}

export function anyObservation(): fc.Arbitrary<Observation> {
  const calm = fc.constant(agentSeen());
  return fc.record({
    agents: fc.tuple(
      fc.oneof(calm, anyAgent('lead', 'leader')),
      fc.oneof(fc.constant(agentSeen({ name: 'writer', role: 'worker' })), anyAgent('writer', 'worker')),
    ),
    promptWrite: fc.oneof(
      fc.constantFrom<Observation['promptWrite']>(
        { status: 'idle' },
        { status: 'writing' },
        { status: 'written' },
        { status: 'failed', failure },
      ),
      fc.option(instant).map((evidenceUntil) => ({ status: 'not_ours', evidenceUntil }) as const),
    ),
    outputFailure: fc.constantFrom(null, null, null, failure),
    openDelegations: fc.nat({ max: 2 }),
    verifying: fc.constantFrom<Observation['verifying']>(
      undefined,
      { status: 'under_way' },
      { status: 'failed', failure },
      { status: 'done', result: { status: 'passed', checks: [] } },
      { status: 'done', result: { status: 'failed', checks: [] } },
    ),
    pushing: fc.constantFrom<Observation['pushing']>(
      undefined,
      { status: 'under_way' },
      { status: 'failed', failure },
      { status: 'done', result: failure },
      { status: 'done', result: null },
    ),
    collecting: fc.constantFrom<Observation['collecting']>(
      undefined,
      { status: 'under_way' },
      { status: 'failed', failure },
      { status: 'done', result: undefined },
    ),
    nextTeardownAt: fc.option(instant),
    teardownFailedAt: fc.option(instant),
  });
}

/** Rows as the database allows them: a pending success is `running`, other outcomes are the status from the start. */
export function anyRun(): fc.Arbitrary<Run> {
  const outcome = fc.constantFrom<Outcome>(
    { status: 'success', result: 'fine', error: null },
    { status: 'failed', result: null, error: failure },
    { status: 'timeout', result: null, error: { code: 'timeout', message: '' } },
    { status: 'cancelled', result: null, error: { code: 'cancelled', message: '' } },
  );
  return fc
    .record({
      phase: fc.constantFrom(...RUN_PHASES),
      outcome,
      deadlineAt: instant,
      begunAt: fc.constantFrom(EARLIER, NOW),
      failedAttempts: fc.nat({ max: 3 }),
      isCancelled: fc.boolean(),
      isVerified: fc.boolean(),
      isPushed: fc.boolean(),
      concludedAt: instant,
    })
    .map(
      ({
        phase,
        outcome: ended,
        deadlineAt,
        begunAt,
        failedAttempts,
        isCancelled,
        isVerified,
        isPushed,
        concludedAt,
      }) => {
        const plan = {
          ...someRun().plan,
          ...(isVerified && { verify: { command: ['make', 'test'] } }),
          ...(isPushed && { workspace: { git: { url: 'https://git.example/a.git', push: { branch: 'work' } } } }),
        };
        const cancel = isCancelled ? ({ cancelRequestedAt: EARLIER, cancelCode: 'cancelled' } as const) : {};
        if (phase === 'queued')
          return someRun({ phase, status: 'queued', startedAt: null, deadlineAt: null, deployment: null, ...cancel });
        if (phase === 'finished') return someRun({ phase, status: ended.status, outcome: ended, finishedAt: NOW });
        if (!isConcluded(phase)) return someRun({ phase, plan, deadlineAt, ...cancel });
        const status = ended.status === 'success' ? 'running' : ended.status;
        if (phase === 'collecting') return someRun({ phase, status, deadlineAt, outcome: ended, concludedAt });
        return someRun({
          phase,
          status,
          outcome: ended,
          teardown: { begunAt, failedAttempts, error: null, receipt: null },
        });
      },
    );
}
