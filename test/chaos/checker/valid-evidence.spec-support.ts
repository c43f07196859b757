import type {
  ApiRequest,
  EngineEvent,
  Evidence,
  MessageRow,
  RunEventRow,
  RunRow,
  RunState,
  ScheduleRow,
} from './evidence';

/** A quiet quarter of an hour without a single fault, from which the specs take pieces away. */

export const START = Date.UTC(2026, 5, 1, 12, 0);
export const MINUTE = 60_000;
export const INSTALLATION = 'inst-1';
export const STEADY = 'schedule-steady';
export const EXCLUSIVE = 'schedule-exclusive';
export const WORKER = 'worker-1';
/** The steady schedule is paused in the minute after this one, and stays so. */
export const PAUSED_AFTER = 6;
const LEADER = { name: 'lead', role: 'leader', protocol: 'acp' };

export const at = (minutes: number, ms = 0): number => START + minutes * MINUTE + ms;

export function validEvidence({ minutes = 10, chunks = 3 } = {}): Evidence {
  const prompt = `stream ${chunks} every 5ms line\nanswer done`;
  const steady = range(1, Math.min(minutes, PAUSED_AFTER)).map((minute) => aRun(STEADY, minute, prompt));
  const exclusive = range(1, minutes)
    .filter((minute) => minute % 2 === 0)
    .map((minute) => ({ ...aRun(EXCLUSIVE, minute, prompt), exclusive: true }));
  const manual = { ...aRun(STEADY, 1, prompt), id: 'run-manual', trigger: 'manual', requestKey: 'key-1' };
  const afterHealing = { ...aRun(STEADY, minutes, prompt), ...calledAt(minutes) };
  const missed = { ...aRun(STEADY, 0, prompt), ...NEVER_RAN };
  const skipped = { ...aRun(EXCLUSIVE, 0, prompt), ...NEVER_RAN, status: 'skipped', errorCode: 'overlap_skipped' };
  const ran = [...steady, ...exclusive, manual, afterHealing];
  return {
    prompts: ran.map(({ id, startedAt }) => ({
      at: (startedAt ?? 0) + 1_000,
      requestId: `prompt:${id}`,
      runId: id,
      agent: 'lead',
      hostname: null,
      text: prompt,
    })),
    engineEvents: ran.flatMap(eventsOf),
    faults: [{ at: at(3), endedAt: at(3), kind: 'redis-flush', target: 'redis', detail: '' }],
    requests: requestsOf(manual.id, minutes),
    healed: {
      startedAt: at(-1),
      healedAt: at(minutes, 50_000),
      convergedAt: at(minutes + 1),
      seed: '1',
      minutes,
      installationId: INSTALLATION,
      foreignResources: [{ kind: 'container', name: 'team-run-foreign', id: 'foreign-1' }],
      hosts: [],
      workers: [{ name: 'worker 1', id: WORKER }],
    },
    engineLeft: [
      { kind: 'container', name: 'team-run-foreign', id: 'foreign-1', labels: {} },
      {
        kind: 'network',
        name: 'egress',
        id: 'net-1',
        labels: { 'crewtab.installation': INSTALLATION, 'crewtab.shared': '1' },
      },
    ],
    tables: {
      schedules: [aSchedule(STEADY, '* * * * *', false), aSchedule(EXCLUSIVE, '*/2 * * * *', true)],
      runs: [missed, skipped, ...ran],
      deployments: ran.map(({ id }) => ({ runId: id, name: `team-${id}` })),
      messages: ran.flatMap(({ id }) => conversationOf(id, chunks)),
      permits: ran.map(({ id, startedAt }) => ({ runId: id, epoch: 1, sentAt: (startedAt ?? 0) + 900 })),
      runTrail: ran.flatMap(trailOf),
      runEvents: ran.flatMap(toldOf),
      delegations: ran.slice(0, 1).map(({ id }) => ({ runId: id, id: 'call-1', permitEpoch: 1 })),
    },
  };
}

/** The run by which the worker showed, after healing, that it takes work. */
const calledAt = (minute: number): Partial<RunRow> => ({
  id: 'run-called',
  trigger: 'manual',
  requestKey: 'key-2',
  scheduledFor: at(minute, 52_000),
  queuedAt: at(minute, 52_000),
  startedAt: at(minute, 52_100),
  finishedAt: at(minute, 59_000),
});

const NEVER_RAN = {
  status: 'missed',
  errorCode: 'missed',
  errorMessage: 'no scheduler was there',
  phase: 'finished',
  startedAt: null,
  deadlineAt: null,
  lastSeq: 0,
  epoch: 0,
  result: null,
} as const;

export function aRun(scheduleId: string, minute: number, prompt: string): RunRow {
  return {
    id: `run-${scheduleId}-${minute}`,
    scheduleId,
    trigger: 'schedule',
    scheduledFor: at(minute),
    requestKey: null,
    status: 'success',
    phase: 'finished',
    queuedAt: at(minute, 20),
    prompt,
    exclusive: false,
    epoch: 1,
    owner: null,
    agents: [LEADER],
    startedAt: at(minute, 100),
    deadlineAt: at(minute + 5, 100),
    finishedAt: at(minute, 20_000),
    cancelRequestedAt: null,
    result: 'done',
    errorCode: null,
    errorMessage: null,
    lastSeq: 3,
  };
}

function aSchedule(id: string, cron: string, enabled: boolean): ScheduleRow {
  return { id, name: id, cron, timezone: 'UTC', enabled, createdAt: at(-1, 40_000), deletedAt: null };
}

function conversationOf(runId: string, chunks: number): MessageRow[] {
  const lines = range(1, chunks).map((number) => `line ${number}\n`);
  return [
    { runId, seq: 1, agent: 'lead', kind: 'prompt', text: 'the prompt' },
    { runId, seq: 2, agent: 'lead', kind: 'agent_message', text: lines.join('') },
    { runId, seq: 3, agent: 'lead', kind: 'agent_message', text: 'done' },
  ];
}

function trailOf({ id, queuedAt, startedAt, finishedAt, status }: RunRow): RunState[] {
  return [
    { at: queuedAt, runId: id, status: 'queued', phase: 'queued', epoch: 0, owner: null },
    { at: startedAt ?? 0, runId: id, status: 'running', phase: 'deploying', epoch: 1, owner: WORKER },
    { at: finishedAt ?? 0, runId: id, status, phase: 'finished', epoch: 1, owner: null },
  ];
}

function toldOf({ id, status }: RunRow): RunEventRow[] {
  const states = [null, 'queued (queued)', 'running (deploying)', `${status} (finished)`];
  return states.slice(1).map((to, index) => ({
    runId: id,
    type: 'run.status',
    from: states[index] ?? null,
    to,
    adoption: null,
    position: index + 1,
  }));
}

function eventsOf({ id, startedAt, finishedAt }: RunRow): EngineEvent[] {
  const attributes = { 'crewtab.installation': INSTALLATION, 'crewtab.run': id };
  const event = { kind: 'container', id: `container-${id}`, name: `team-${id}-lead`, attributes };
  return [
    { ...event, at: (startedAt ?? 0) + 200, action: 'create' },
    { ...event, at: (finishedAt ?? 0) - 100, action: 'destroy' },
  ];
}

export function aRequest(minute: number, ms: number, request: Partial<ApiRequest>): ApiRequest {
  const instant = at(minute, ms);
  return {
    at: instant,
    answeredAt: instant + 30,
    method: 'GET',
    path: '/api/v1/schedules',
    body: null,
    idempotencyKey: null,
    status: 200,
    answer: null,
    ...request,
  };
}

function requestsOf(manualId: string, minutes: number): ApiRequest[] {
  const creation = (id: string, cron: string): ApiRequest =>
    aRequest(-1, 39_990, {
      method: 'POST',
      body: { name: id, cron },
      status: 201,
      answer: { id, cron, status: 'idle' },
    });
  return [
    creation(STEADY, '* * * * *'),
    creation(EXCLUSIVE, '*/2 * * * *'),
    aRequest(1, 10, {
      method: 'POST',
      path: `/api/v1/schedules/${STEADY}/trigger`,
      idempotencyKey: 'key-1',
      status: 202,
      answer: { id: manualId, scheduleId: STEADY, status: 'queued' },
    }),
    aRequest(minutes, 52_000, {
      method: 'POST',
      path: `/api/v1/schedules/${STEADY}/trigger`,
      idempotencyKey: 'key-2',
      status: 202,
      answer: { id: 'run-called', scheduleId: STEADY, status: 'queued' },
    }),
    aRequest(2, 10_000, { answer: { items: [{ id: STEADY, cron: '* * * * *', status: 'running' }] } }),
    aRequest(2, 40_000, { answer: { items: [{ id: STEADY, cron: '* * * * *', status: 'idle' }] } }),
    aRequest(PAUSED_AFTER, 30_000, { method: 'POST', path: `/api/v1/schedules/${STEADY}/pause` }),
    aRequest(minutes + 1, 0, {
      path: '/api/v1/runs',
      answer: { items: [{ id: manualId, scheduleId: STEADY, status: 'success' }] },
    }),
  ];
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}
