import type { DialogueState, TurnState } from '../ports/agent-protocol';
import type { AgentObservation, Observation } from './observation';
import { START_OF_OUTPUT, type Run } from './run';
import { promptTurnId } from './decide';

export const NOW = new Date('2026-03-01T03:00:00.000Z');
export const LATER = new Date(NOW.getTime() + 3_600_000);
export const EARLIER = new Date(NOW.getTime() - 60_000);
export const POLICY = { stopGraceMs: 5_000, teardownLimitMs: 60_000, collectLimitMs: 60_000 };
export const TURN = promptTurnId('run-1');

/** A run that a worker has begun, with a deadline an hour away. */
export function someRun(patch: Partial<Run> = {}): Run {
  const agents = (['lead', 'writer'] as const).map((name) => ({
    name,
    handle: name,
    startedAt: EARLIER,
    readyAt: EARLIER,
    cursor: START_OF_OUTPUT,
    activeAt: null,
  }));
  return {
    id: 'run-1',
    organizationId: 'org-1',
    scheduleId: 'schedule-1',
    teamId: 'team-1',
    trigger: 'schedule',
    scheduledFor: EARLIER,
    attempt: 1,
    status: 'running',
    phase: 'deploying',
    plan: {
      teamName: 'Marketing team',
      network: { mode: 'none', hosts: [] },
      agents: [
        { name: 'lead', role: 'leader', protocol: 'acp' },
        { name: 'writer', role: 'worker', protocol: 'acp' },
      ],
      prompt: 'Write.',
      timeoutMs: 3_600_000,
    },
    epoch: 1,
    messageCount: 0,
    host: 'host-1',
    startedAt: EARLIER,
    deadlineAt: LATER,
    finishedAt: null,
    cancelRequestedAt: null,
    cancelCode: null,
    outcome: null,
    warnings: [],
    notRunReason: null,
    prompt: { state: 'none' },
    deployment: { id: 'deployment-1', name: 'marketing-team-run-000001', agents },
    teardown: { begunAt: null, failedAttempts: 0, error: null, receipt: null },
    ...patch,
  };
}

export function dialogue(
  handshake: DialogueState['handshake']['status'],
  turn: TurnState | null = null,
  hasSeenWork = turn !== null,
): NonNullable<AgentObservation['dialogue']> {
  const failure = { code: 'handshake_failed', message: 'no' } as const;
  return {
    handshake: handshake === 'failed' ? { status: 'failed', failure } : { status: handshake },
    turns: turn ? new Map([[TURN, turn]]) : new Map(),
    hasSeenWork,
  };
}

export function agentSeen(patch: Partial<AgentObservation> = {}): AgentObservation {
  return {
    name: 'lead',
    role: 'leader',
    deploy: { status: 'started' },
    dialogue: dialogue('ready'),
    handshakeDeadlineAt: LATER,
    ended: null,
    ...patch,
  };
}

/** Both agents ready and quiet; `lead` and `writer` change one of them each. */
export function seen(
  patch: Partial<Omit<Observation, 'agents'>> & {
    lead?: Partial<AgentObservation>;
    writer?: Partial<AgentObservation>;
  } = {},
): Observation {
  const { lead, writer, ...rest } = patch;
  return {
    agents: [agentSeen(lead), agentSeen({ name: 'writer', role: 'worker', ...writer })],
    promptWrite: { status: 'idle' },
    outputFailure: null,
    openDelegations: 0,
    nextTeardownAt: null,
    teardownFailedAt: null,
    ...rest,
  };
}
