import fc from 'fast-check';
import { decide, type Decision } from './decide';
import { dialogue, EARLIER, LATER, NOW, POLICY, seen, someRun } from './decide.spec-support';
import type { DoneTurn } from '../ports/agent-protocol';
import { anyObservation, anyRun } from './decide.spec-arbitraries';
import type { Observation } from './observation';
import { isConcluded, type Outcome, type Run, type RunPlan } from './run';

const OOM = { how: 'exited', exitCode: 137, isOutOfMemory: true, mayLackOutput: false } as const;
const KILLED = { how: 'exited', exitCode: 137, isOutOfMemory: false, mayLackOutput: false } as const;
const EXITED = { how: 'exited', exitCode: 2, isOutOfMemory: false, mayLackOutput: false } as const;
const WELL = { how: 'exited', exitCode: 0, isOutOfMemory: false, mayLackOutput: false } as const;
const DONE = { status: 'done', text: 'the report' } as const;
const BROKEN = { status: 'failed', failure: { code: 'agent_refused', message: 'no' } } as const;
const FLOOD = { code: 'line_limit', message: 'too long' } as const;
const SUCCESS: Outcome = { status: 'success', result: 'the report', error: null };

function short(decision: Decision): string {
  if (decision.kind === 'conclude') return `conclude ${decision.outcome.error?.code ?? decision.outcome.status}`;
  if (decision.kind === 'tear_down') return `tear_down ${decision.graceMs}`;
  if (decision.kind === 'wait') return decision.until ? `wait ${decision.until.getTime() - NOW.getTime()}` : 'wait';
  return decision.kind;
}

const queued = someRun({ status: 'queued', phase: 'queued', startedAt: null, deadlineAt: null, deployment: null });
const deploying = someRun();
const prompting = someRun({ phase: 'prompting', prompt: { state: 'permitted', permittedAt: EARLIER } });
const monitoring = someRun({ phase: 'monitoring', prompt: { state: 'sent', permittedAt: EARLIER, sentAt: EARLIER } });
const tearingDown = someRun({
  phase: 'tearing_down',
  outcome: SUCCESS,
  teardown: { begunAt: NOW, failedAttempts: 0, error: null, receipt: null },
});
const cancelRequested = { cancelRequestedAt: EARLIER, cancelCode: 'cancelled' } as const;
const overdue = { deadlineAt: NOW };
const SOON = new Date(NOW.getTime() + 150);

const DISK = { code: 'disk_limit', message: 'too much' } as const;

describe('decide', () => {
  const table: [string, Run, Observation, string][] = [
    ['a queued run begins', queued, seen(), 'begin'],
    [
      'a run that was cancelled while queued is done',
      { ...queued, status: 'cancelled', phase: 'finished' },
      seen(),
      'done',
    ],

    [
      'deploying: nothing asked for yet',
      deploying,
      seen({ lead: { deploy: { status: 'not_asked' }, dialogue: null } }),
      'deploy',
    ],
    [
      'deploying: an agent has not answered',
      deploying,
      seen({ lead: { dialogue: dialogue('pending') } }),
      'wait 3600000',
    ],
    ['deploying: all are ready', deploying, seen(), 'prompt'],
    [
      'deploying: an image is missing',
      deploying,
      seen({ lead: { deploy: { status: 'failed', failure: { code: 'image_not_found', message: '' } } } }),
      'conclude image_not_found',
    ],
    [
      'deploying: the handshake failed',
      deploying,
      seen({ writer: { dialogue: dialogue('failed') } }),
      'conclude handshake_failed',
    ],
    [
      'deploying: the handshake takes too long',
      deploying,
      seen({ lead: { dialogue: dialogue('pending'), handshakeDeadlineAt: NOW } }),
      'conclude handshake_timeout',
    ],
    [
      'deploying: ready in time is never too late',
      deploying,
      seen({ lead: { handshakeDeadlineAt: EARLIER } }),
      'prompt',
    ],
    [
      'deploying: only those that have not answered are waited for',
      deploying,
      seen({ lead: { handshakeDeadlineAt: EARLIER }, writer: { dialogue: dialogue('pending') } }),
      'wait 3600000',
    ],
    [
      'deploying: an agent exits',
      deploying,
      seen({ writer: { dialogue: dialogue('pending'), ended: EXITED } }),
      'conclude agent_exited',
    ],
    [
      'deploying: the deadline passes',
      { ...deploying, ...overdue },
      seen({ lead: { dialogue: dialogue('pending') } }),
      'conclude timeout',
    ],
    ['deploying: cancelled', { ...deploying, ...cancelRequested }, seen(), 'conclude cancelled'],
    [
      'deploying: replaced',
      { ...deploying, cancelRequestedAt: EARLIER, cancelCode: 'replaced' },
      seen(),
      'conclude replaced',
    ],

    ['prompting: the answer to the permit was lost', prompting, seen(), 'prompt'],
    ['prompting: the write is under way', prompting, seen({ promptWrite: { status: 'writing' } }), 'wait 3600000'],
    ['prompting: written', prompting, seen({ promptWrite: { status: 'written' } }), 'confirm'],
    [
      'prompting: not written',
      prompting,
      seen({ promptWrite: { status: 'failed', failure: { code: 'prompt_failed', message: '' } } }),
      'conclude prompt_failed',
    ],
    [
      'prompting: adopted, looking for proof',
      prompting,
      seen({ promptWrite: { status: 'not_ours', evidenceUntil: LATER } }),
      'wait 3600000',
    ],
    [
      'prompting: adopted, no proof, and the output cannot be read',
      prompting,
      seen({ promptWrite: { status: 'not_ours', evidenceUntil: null } }),
      `wait ${3_600_000}`,
    ],
    [
      'prompting: adopted, proof found',
      prompting,
      seen({
        promptWrite: { status: 'not_ours', evidenceUntil: NOW },
        lead: { dialogue: dialogue('ready', null, true) },
      }),
      'confirm',
    ],
    [
      'prompting: adopted, no proof',
      prompting,
      seen({ promptWrite: { status: 'not_ours', evidenceUntil: NOW } }),
      'conclude delivery_unconfirmed',
    ],
    [
      'prompting: the leader is killed',
      prompting,
      seen({ promptWrite: { status: 'writing' }, lead: { ended: KILLED } }),
      'conclude agent_killed',
    ],
    [
      'prompting: the deadline passes',
      { ...prompting, ...overdue },
      seen({ promptWrite: { status: 'writing' } }),
      'conclude timeout',
    ],
    [
      'prompting: cancelled',
      { ...prompting, ...cancelRequested },
      seen({ promptWrite: { status: 'written' } }),
      'conclude cancelled',
    ],

    ['monitoring: nothing new', monitoring, seen(), 'wait 3600000'],
    [
      'monitoring: the turn ended well',
      monitoring,
      seen({ lead: { dialogue: dialogue('ready', DONE) } }),
      'conclude success',
    ],
    [
      'monitoring: ended well, work still delegated',
      monitoring,
      seen({ lead: { dialogue: dialogue('ready', DONE) }, openDelegations: 1 }),
      'wait 3600000',
    ],
    [
      'monitoring: ended well a moment ago, and may still be talking',
      monitoring,
      seen({ lead: { dialogue: dialogue('ready', { ...DONE, settlesAt: SOON }) } }),
      'wait 150',
    ],
    [
      'monitoring: ended well, and has stopped talking',
      monitoring,
      seen({ lead: { dialogue: dialogue('ready', { ...DONE, settlesAt: NOW }) } }),
      'conclude success',
    ],
    [
      'monitoring: ended well, with its deadline before it has stopped talking',
      { ...monitoring, ...overdue },
      seen({ lead: { dialogue: dialogue('ready', { ...DONE, settlesAt: SOON }) } }),
      'conclude success',
    ],
    [
      'monitoring: ended well and talks no more, while work is delegated',
      monitoring,
      seen({ lead: { dialogue: dialogue('ready', { ...DONE, settlesAt: EARLIER }) }, openDelegations: 1 }),
      'wait 3600000',
    ],
    ['monitoring: ended without a word', monitoring, endedWith({ isSilent: true }), 'conclude empty_result'],
    [
      'monitoring: ended without a word, as it may',
      allowing({ allowEmpty: true }),
      endedWith({ isSilent: true }),
      'conclude success',
    ],
    [
      'monitoring: ended in the middle of a tool call',
      monitoring,
      endedWith({ openCalls: ['ls'] }),
      'conclude tool_call_open',
    ],
    [
      'monitoring: ended in the middle of a tool call, as it may',
      allowing({ allowOpenToolCalls: true }),
      endedWith({ openCalls: ['ls'] }),
      'conclude success',
    ],
    [
      'monitoring: one leave does not stand for the other',
      allowing({ allowOpenToolCalls: true }),
      endedWith({ openCalls: ['ls'], isSilent: true }),
      'conclude empty_result',
    ],
    [
      'monitoring: an agent is silent, and still may be',
      monitoring,
      seen({ lead: { idleDeadlineAt: SOON } }),
      'wait 150',
    ],
    [
      'monitoring: an agent was silent for too long',
      monitoring,
      seen({ writer: { idleDeadlineAt: NOW } }),
      'conclude agent_idle',
    ],
    [
      'monitoring: the deadline goes before a silence',
      { ...monitoring, ...overdue },
      seen({ lead: { idleDeadlineAt: NOW } }),
      'conclude timeout',
    ],
    [
      'monitoring: a command ended well',
      monitoring,
      seen({ lead: { dialogue: dialogue('ready', DONE), ended: WELL } }),
      'conclude success',
    ],
    [
      'monitoring: finished while no worker looked, past the deadline',
      { ...monitoring, ...overdue },
      seen({ lead: { dialogue: dialogue('ready', DONE) } }),
      'conclude success',
    ],
    [
      'monitoring: the agent refuses',
      monitoring,
      seen({ lead: { dialogue: dialogue('ready', BROKEN) } }),
      'conclude agent_refused',
    ],
    [
      'monitoring: the leader ends without an answer',
      monitoring,
      seen({ lead: { ended: WELL } }),
      'conclude agent_exited',
    ],
    ['monitoring: an agent is out of memory', monitoring, seen({ writer: { ended: OOM } }), 'conclude out_of_memory'],
    ['monitoring: an agent is killed', monitoring, seen({ writer: { ended: KILLED } }), 'conclude agent_killed'],
    [
      'monitoring: a crash is no success even after the leader is done',
      monitoring,
      seen({ lead: { dialogue: dialogue('ready', DONE) }, writer: { ended: EXITED } }),
      'conclude agent_exited',
    ],
    [
      'monitoring: a container is removed from outside',
      monitoring,
      seen({ writer: { ended: { how: 'vanished' } } }),
      'conclude agent_vanished',
    ],
    ['monitoring: an idle worker ends well', monitoring, seen({ writer: { ended: WELL } }), 'wait 3600000'],
    ['deploying: an agent floods', deploying, seen({ outputFailure: FLOOD }), 'conclude line_limit'],
    [
      'deploying: an agent floods, and ends',
      deploying,
      seen({ writer: { ended: WELL }, outputFailure: FLOOD }),
      'conclude line_limit',
    ],
    [
      'monitoring: an agent floods, after the work is done',
      monitoring,
      seen({ lead: { dialogue: dialogue('ready', DONE) }, outputFailure: FLOOD }),
      'conclude line_limit',
    ],
    ['monitoring: the run takes too much disk', monitoring, { ...seen(), diskFailure: DISK }, 'conclude disk_limit'],
    ['monitoring: the deadline passes', { ...monitoring, ...overdue }, seen(), 'conclude timeout'],
    [
      'monitoring: cancelled',
      { ...monitoring, ...cancelRequested },
      seen({ lead: { dialogue: dialogue('ready', DONE) } }),
      'conclude cancelled',
    ],

    ['tearing down after a success: nothing to wait for', tearingDown, seen(), 'tear_down 0'],
    [
      'tearing down after a timeout: with grace',
      { ...tearingDown, status: 'timeout', outcome: { ...SUCCESS, status: 'timeout' } },
      seen(),
      'tear_down 5000',
    ],
    [
      'tearing down: next attempt later',
      { ...tearingDown, status: 'failed' },
      seen({ nextTeardownAt: LATER }),
      'wait 3600000',
    ],
    [
      'tearing down: next attempt now',
      { ...tearingDown, status: 'failed' },
      seen({ nextTeardownAt: NOW }),
      'tear_down 0',
    ],
    [
      'tearing down: a pending success waits no longer than its limit',
      failedTeardown(30_000),
      failing(29_000),
      'wait 30000',
    ],
    ['tearing down: its limit is over', failedTeardown(60_000), failing(59_000), 'fail_teardown'],
    [
      'tearing down: its limit ends with the grace after the deadline',
      { ...failedTeardown(30_000), deadlineAt: ago(4_000) },
      failing(29_000),
      'wait 1000',
    ],
    [
      'tearing down: the grace after the deadline is over',
      { ...failedTeardown(30_000), deadlineAt: ago(5_000) },
      failing(29_000),
      'fail_teardown',
    ],
    [
      'tearing down: a success that was found after its deadline has the grace from then on',
      { ...failedTeardown(2_000), deadlineAt: ago(600_000) },
      failing(2_000),
      'wait 3000',
    ],
    ['tearing down: the limit is over, and the adopting worker tries', failedTeardown(60_000), seen(), 'tear_down 0'],
    [
      'tearing down: the limit is over, and the adopting worker has the grace from its own first failure',
      { ...failedTeardown(60_000), deadlineAt: ago(600_000) },
      failing(1_000),
      'wait 4000',
    ],
    [
      'tearing down: the adopting worker has had the grace',
      { ...failedTeardown(60_000), deadlineAt: ago(600_000) },
      failing(5_000),
      'fail_teardown',
    ],
    [
      'tearing down: already terminal, the limit does not matter',
      { ...failedTeardown(60_000), status: 'failed' },
      seen(),
      'tear_down 0',
    ],

    ['a finished run is done', { ...tearingDown, phase: 'finished', status: 'success' }, seen(), 'done'],
  ];

  it.each(table)('%s', (_what, run, observation, expected) => {
    expect(short(decide(run, observation, NOW, POLICY))).toBe(expected);
  });

  it('keeps what the leader said where its end is not believed', () => {
    const observation = seen({ lead: { dialogue: dialogue('ready', { ...DONE, openCalls: ['npm test'] }) } });
    expect(decide(monitoring, observation, NOW, POLICY)).toMatchObject({
      outcome: {
        status: 'failed',
        result: 'the report',
        error: { message: 'the leader ended its turn while a tool call of it was still open: npm test' },
      },
    });
  });

  it('says in a timeout what the agents that are still at work were last seen doing', () => {
    const at = ago(754_321);
    const observation = seen({
      lead: { lastSeen: { doing: 'was in the tool call "npm test"', stderr: '; its last words on stderr:\nboom', at } },
      writer: { lastSeen: { doing: null, stderr: '; its last words on stderr:\nquiet', at } },
    });
    expect(decide({ ...monitoring, ...overdue }, observation, NOW, POLICY)).toMatchObject({
      outcome: {
        error: {
          message:
            'the run was not finished by its deadline 2026-03-01T03:00:00.000Z (phase monitoring); agent "lead" was in the tool call "npm test", 12m34s before; its last words on stderr:\nboom',
        },
      },
    });
  });

  it('quotes the last words of an agent that has ended, or of the turn that its end cut off', () => {
    const lastSeen = { doing: null, stderr: '; its last words on stderr:\nboom', at: null };
    const outcomeOf = (message: string): Decision => {
      const failed = { status: 'failed', failure: { code: 'agent_exited', message } } as const;
      const writer = { ended: EXITED, lastSeen, dialogue: dialogue('ready', failed) };
      return decide(monitoring, seen({ writer }), NOW, POLICY);
    };
    const words = 'agent "writer" ended with exit code 2; its last words on stderr:\nboom';
    expect(outcomeOf('an earlier task failed')).toMatchObject({ outcome: { error: { message: words } } });
    const cutOff = 'agent "writer" ended with exit code 2; its last text: No credit left.';
    expect(outcomeOf(cutOff)).toMatchObject({ outcome: { error: { message: cutOff } } });
  });

  it('says of an agent that does not answer the handshake what it did instead', () => {
    const lastSeen = { doing: 'has not answered initialize', stderr: '', at: null };
    const lead = { dialogue: dialogue('pending'), handshakeDeadlineAt: NOW, lastSeen };
    expect(decide(deploying, seen({ lead }), NOW, POLICY)).toMatchObject({
      outcome: {
        error: { code: 'handshake_timeout', message: expect.stringMatching(/in time; agent "lead" has not/) as string },
      },
    });
  });

  it('never succeeds without the leader having finished its turn', () => {
    fc.assert(
      fc.property(anyRun(), anyObservation(), (run, observation) => {
        const decision = decide(run, observation, NOW, POLICY);
        if (decision.kind !== 'conclude' || decision.outcome.status !== 'success') return true;
        if (run.phase === 'verifying') return !run.plan.verify || decision.outcome.verification?.status === 'passed';
        if (run.plan.verify) return false;
        const leader = observation.agents.find((agent) => agent.role === 'leader');
        return [...(leader?.dialogue?.turns.values() ?? [])].some((turn) => turn.status === 'done');
      }),
    );
  });

  it('never prompts a run whose agents are not all ready', () => {
    fc.assert(
      fc.property(anyObservation(), (observation) => {
        if (decide(deploying, observation, NOW, POLICY).kind !== 'prompt') return true;
        return observation.agents.every((agent) => agent.dialogue?.handshake.status === 'ready' && !agent.ended);
      }),
    );
  });

  it('is past its deadline only for as long as it takes to say so', () => {
    fc.assert(
      fc.property(anyRun(), anyObservation(), (run, observation) => {
        const isActive = run.phase !== 'queued' && !isConcluded(run.phase);
        const decision = decide({ ...run, ...overdue }, observation, NOW, POLICY);
        return !isActive || ['conclude', 'confirm', 'end_work'].includes(decision.kind);
      }),
    );
  });

  it('never waits for an instant that has passed', () => {
    fc.assert(
      fc.property(anyRun(), anyObservation(), (run, observation) => {
        const decision = decide(run, observation, NOW, POLICY);
        return decision.kind !== 'wait' || decision.until === null || decision.until > NOW;
      }),
      { numRuns: 5_000 },
    );
  });
});

function endedWith(more: Partial<DoneTurn>): Observation {
  return seen({ lead: { dialogue: dialogue('ready', { status: 'done', text: '', ...more }) } });
}

function allowing(leave: Partial<RunPlan>): Run {
  return { ...monitoring, plan: { ...monitoring.plan, ...leave } };
}

function ago(ms: number): Date {
  return new Date(NOW.getTime() - ms);
}

/** Attempts of this worker have failed since then. */
function failing(agoMs: number): Observation {
  return seen({ nextTeardownAt: LATER, teardownFailedAt: ago(agoMs) });
}

function failedTeardown(agoMs: number): Run {
  return {
    ...tearingDown,
    teardown: {
      begunAt: ago(agoMs),
      failedAttempts: 2,
      error: { code: 'teardown_failed', message: 'busy' },
      receipt: null,
    },
  };
}
