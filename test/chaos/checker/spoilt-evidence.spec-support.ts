import type { InvariantName } from '@crewtab/domain/invariants';
import type { ApiRequest, Evidence, Fault, MessageRow, RunEventRow, RunRow, RunState, Tables } from './evidence';
import {
  aRequest,
  aRun,
  at,
  EXCLUSIVE,
  INSTALLATION,
  PAUSED_AFTER,
  STEADY,
  WORKER,
} from './valid-evidence.spec-support';

export interface Spoilt {
  readonly invariant: InvariantName;
  readonly how: string;
  readonly spoil: (evidence: Evidence) => Evidence;
}

export const withTables = (evidence: Evidence, change: Partial<Tables>): Evidence => ({
  ...evidence,
  tables: { ...evidence.tables, ...change },
});

const FIRST = `run-${STEADY}-2`;

/** One run changed. */
export function withRun(evidence: Evidence, change: Partial<RunRow>, id = FIRST): Evidence {
  return withTables(evidence, {
    runs: evidence.tables.runs.map((run) => (run.id === id ? { ...run, ...change } : run)),
  });
}

const withoutRun = (evidence: Evidence, id: string): Evidence =>
  withTables(evidence, { runs: evidence.tables.runs.filter((run) => run.id !== id) });

const addRun = (evidence: Evidence, run: RunRow): Evidence =>
  withTables(evidence, { runs: [...evidence.tables.runs, run] });

const addRequest = (evidence: Evidence, request: ApiRequest): Evidence => ({
  ...evidence,
  requests: [...evidence.requests, request].sort((a, b) => a.at - b.at),
});

/** Of a moment, unless it says when it ended. */
export const addFault = (evidence: Evidence, fault: Partial<Fault>): Evidence => {
  const begin = fault.at ?? at(2);
  const added = { at: begin, endedAt: begin, kind: 'worker-kill', target: 'worker-1', detail: '', ...fault };
  return { ...evidence, faults: [...evidence.faults, added] };
};

const withMessages = (evidence: Evidence, change: (messages: MessageRow[]) => MessageRow[]): Evidence => {
  const [own, others] = [true, false].map((isOwn) =>
    evidence.tables.messages.filter(({ runId }) => (runId === FIRST) === isOwn),
  );
  return withTables(evidence, { messages: [...(others ?? []), ...change(own ?? [])] });
};

const withTrail = (evidence: Evidence, state: RunState): Evidence =>
  withTables(evidence, { runTrail: [...(evidence.tables.runTrail ?? []), state] });

const withEvents = (evidence: Evidence, change: (events: readonly RunEventRow[]) => RunEventRow[]): Evidence =>
  withTables(evidence, { runEvents: change(evidence.tables.runEvents ?? []) });

const isFirst = ({ runId }: RunEventRow): boolean => runId === FIRST;
const ADOPTED = { runId: FIRST, type: 'run.adopted', from: null, to: null, position: 4 };

const failed = { status: 'failed', result: null, errorMessage: 'words' };

/** Every way in which the specs make a valid evidence wrong, and the invariant that must notice. */
export const SPOILT: readonly Spoilt[] = [
  {
    invariant: 'I1',
    how: 'a second row for an instant',
    spoil: (evidence) => addRun(evidence, { ...aRun(STEADY, 2, ''), id: 'run-twin' }),
  },
  { invariant: 'I2', how: 'a row that is missing', spoil: (evidence) => withoutRun(evidence, FIRST) },
  {
    invariant: 'I2',
    how: 'an instant lost after a resume',
    spoil: (evidence) =>
      addRequest(evidence, aRequest(8, 30_000, { method: 'POST', path: `/api/v1/schedules/${STEADY}/resume` })),
  },
  {
    invariant: 'I3',
    how: 'a row for an odd minute of an even schedule',
    spoil: (evidence) => addRun(evidence, aRun(EXCLUSIVE, 3, '')),
  },
  {
    invariant: 'I3',
    how: 'a row between two minutes',
    spoil: (evidence) => withRun(evidence, { scheduledFor: at(2, 500) }),
  },
  {
    invariant: 'I3',
    how: 'a manual run that no client asked for',
    spoil: (evidence) =>
      addRun(evidence, { ...aRun(STEADY, 2, ''), id: 'run-x', trigger: 'manual', requestKey: 'key-x' }),
  },
  {
    invariant: 'I3',
    how: 'two runs for one idempotency key',
    spoil: (evidence) =>
      addRun(evidence, { ...aRun(STEADY, 1, ''), id: 'run-x', trigger: 'manual', requestKey: 'key-1' }),
  },
  {
    invariant: 'I3',
    how: 'one key answered with two runs',
    spoil: (evidence) =>
      addRequest(
        evidence,
        aRequest(1, 500, {
          method: 'POST',
          path: `/api/v1/schedules/${STEADY}/trigger`,
          idempotencyKey: 'key-1',
          status: 202,
          answer: { id: FIRST },
        }),
      ),
  },
  {
    invariant: 'I4',
    how: 'a status that changed after it was shown as terminal',
    spoil: (evidence) =>
      addRequest(
        evidence,
        aRequest(2, 30_000, {
          path: `/api/v1/runs/${FIRST}`,
          answer: { id: FIRST, scheduleId: STEADY, status: 'timeout' },
        }),
      ),
  },
  {
    invariant: 'I4',
    how: 'a timeout a minute after the deadline',
    spoil: (evidence) => withRun(evidence, { status: 'timeout', deadlineAt: at(1), finishedAt: at(2) }),
  },
  {
    invariant: 'I4',
    how: 'a run without a terminal status, long past its deadline',
    spoil: (evidence) =>
      withRun(evidence, { status: 'running', phase: 'monitoring', finishedAt: null, deadlineAt: at(3) }),
  },
  {
    invariant: 'I4',
    how: 'a terminal status without an instant',
    spoil: (evidence) => withRun(evidence, { finishedAt: null }),
  },
  {
    invariant: 'I4',
    how: 'a terminal status that became another one and was never shown',
    spoil: (evidence) =>
      withTrail(evidence, { at: at(3), runId: FIRST, status: 'failed', phase: 'finished', epoch: 1, owner: null }),
  },
  {
    invariant: 'I7',
    how: 'a change by an older epoch',
    spoil: (evidence) =>
      withTrail(evidence, { at: at(3), runId: FIRST, status: 'success', phase: 'finished', epoch: 0, owner: null }),
  },
  {
    invariant: 'I7',
    how: 'a phase that went back',
    spoil: (evidence) =>
      withTrail(evidence, { at: at(3), runId: FIRST, status: 'success', phase: 'prompting', epoch: 1, owner: WORKER }),
  },
  {
    invariant: 'I5',
    how: 'a second prompt',
    spoil: (evidence) => ({ ...evidence, prompts: [...evidence.prompts, ...evidence.prompts.slice(0, 1)] }),
  },
  {
    invariant: 'I5',
    how: 'a delegated task that came twice',
    spoil: (evidence) => {
      const task = {
        at: at(2),
        requestId: 'delegate:call-1',
        runId: null,
        agent: 'helper',
        hostname: null,
        text: 'task',
      };
      return { ...evidence, prompts: [...evidence.prompts, task, task] };
    },
  },
  {
    invariant: 'I5',
    how: 'a second prompt to an agent without ids',
    spoil: (evidence) => {
      const prompt = { at: at(2), requestId: null, runId: 'run-x', agent: 'lead', hostname: 'c1', text: 'x' };
      return { ...evidence, prompts: [...evidence.prompts, prompt, prompt] };
    },
  },
  {
    invariant: 'I6',
    how: 'a success whose agent was never prompted',
    spoil: (evidence) => ({ ...evidence, prompts: evidence.prompts.filter(({ runId }) => runId !== FIRST) }),
  },
  {
    invariant: 'I6',
    how: 'a success whose answer is not in the conversation',
    spoil: (evidence) => withRun(evidence, { result: 'something else' }),
  },
  { invariant: 'I6', how: 'a success without a result', spoil: (evidence) => withRun(evidence, { result: null }) },
  {
    invariant: 'I6',
    how: 'a success whose permit was never confirmed',
    spoil: (evidence) =>
      withTables(evidence, {
        permits: evidence.tables.permits.map((permit) =>
          permit.runId === FIRST ? { ...permit, sentAt: null } : permit,
        ),
      }),
  },
  {
    invariant: 'I7',
    how: 'a permit of an epoch that the run never had',
    spoil: (evidence) => withRun(evidence, { epoch: 0 }),
  },
  {
    invariant: 'I7',
    how: 'a second prompt in the conversation',
    spoil: (evidence) =>
      withMessages(evidence, (own) => [...own, { runId: FIRST, seq: 4, agent: 'lead', kind: 'prompt', text: 'again' }]),
  },
  {
    invariant: 'I7',
    how: 'a finished run that a worker still holds',
    spoil: (evidence) => withRun(evidence, { owner: 'worker-1' }),
  },
  {
    invariant: 'I8',
    how: 'a container that goes a minute late',
    spoil: (evidence) => ({
      ...evidence,
      engineEvents: evidence.engineEvents.map((event) =>
        event.action === 'destroy' && event.id === `container-${FIRST}` ? { ...event, at: at(3, 30_000) } : event,
      ),
    }),
  },
  {
    invariant: 'I8',
    how: 'a volume that still stands',
    spoil: (evidence) => ({
      ...evidence,
      engineLeft: [
        ...evidence.engineLeft,
        {
          kind: 'volume',
          name: 'v',
          id: 'v',
          labels: { 'crewtab.installation': INSTALLATION, 'crewtab.run': FIRST },
        },
      ],
    }),
  },
  {
    invariant: 'I9',
    how: 'a foreign resource that is gone',
    spoil: (evidence) => ({ ...evidence, engineLeft: evidence.engineLeft.filter(({ id }) => id !== 'foreign-1') }),
  },
  {
    invariant: 'I9',
    how: 'a foreign resource that was killed and stands again',
    spoil: (evidence) => ({
      ...evidence,
      engineEvents: [
        ...evidence.engineEvents,
        { at: at(4), kind: 'container', action: 'kill', id: 'foreign-1', name: 'team-run-foreign', attributes: {} },
      ],
    }),
  },
  {
    invariant: 'I9',
    how: "something with the installation's label and no run",
    spoil: (evidence) => ({
      ...evidence,
      engineLeft: [
        ...evidence.engineLeft,
        { kind: 'network', name: 'n', id: 'n', labels: { 'crewtab.installation': INSTALLATION } },
      ],
    }),
  },
  {
    invariant: 'I9',
    how: 'a container for a run that is not there',
    spoil: (evidence) => ({
      ...evidence,
      engineEvents: evidence.engineEvents.map((event) =>
        event.id === `container-${FIRST}`
          ? { ...event, attributes: { ...event.attributes, 'crewtab.run': 'run-unknown' } }
          : event,
      ),
    }),
  },
  {
    invariant: 'I10',
    how: 'two runs of an exclusive schedule at once',
    spoil: (evidence) => withRun(evidence, { finishedAt: at(4, 30_000) }, `run-${EXCLUSIVE}-2`),
  },
  {
    invariant: 'I10',
    how: 'a long run that two later ones overlap',
    spoil: (evidence) =>
      withRun(
        withRun(evidence, { finishedAt: at(6, 200) }, `run-${EXCLUSIVE}-2`),
        { startedAt: at(6, 120) },
        `run-${EXCLUSIVE}-6`,
      ),
  },
  {
    invariant: 'I11',
    how: 'a schedule shown as idle while its run is active',
    spoil: (evidence) =>
      addRequest(
        evidence,
        aRequest(2, 10_000, { answer: { items: [{ id: STEADY, cron: '* * * * *', status: 'idle' }] } }),
      ),
  },
  {
    invariant: 'I11',
    how: 'a schedule that is not shown in error after a failed run',
    spoil: (evidence) => withRun(evidence, { ...failed, errorCode: 'agent_exited' }),
  },
  {
    invariant: 'I12',
    how: 'a fire after the pause was answered',
    spoil: (evidence) => addRun(evidence, aRun(STEADY, PAUSED_AFTER + 1, '')),
  },
  {
    invariant: 'I12',
    how: 'a fire after the deletion was answered',
    spoil: (evidence) =>
      addRun(
        addRequest(
          evidence,
          aRequest(8, 30_000, { method: 'DELETE', path: `/api/v1/schedules/${STEADY}`, status: 204 }),
        ),
        aRun(STEADY, 9, ''),
      ),
  },
  {
    invariant: 'I13',
    how: 'a healthy run that failed without a fault',
    spoil: (evidence) => withRun(evidence, { ...failed, errorCode: 'agent_vanished' }),
  },
  {
    invariant: 'I13',
    how: 'a healthy run that failed after its worker was killed',
    spoil: (evidence) => addFault(withRun(evidence, { ...failed, errorCode: 'protocol_error' }), { at: at(2, 1_000) }),
  },
  {
    invariant: 'I13',
    how: 'a healthy run that timed out in peace',
    spoil: (evidence) => withRun(evidence, { ...failed, status: 'timeout', errorCode: 'timeout' }),
  },
  {
    invariant: 'I14',
    how: 'a hole in the seqs',
    spoil: (evidence) => withMessages(evidence, (own) => own.filter(({ seq }) => seq !== 2)),
  },
  { invariant: 'I14', how: 'fewer messages than lastSeq', spoil: (evidence) => withRun(evidence, { lastSeq: 4 }) },
  ...(
    [
      ['a line that is missing', 'line 1\nline 3\n'],
      ['a line that came twice', 'line 1\nline 2\nline 2\nline 3\n'],
      ['lines in the wrong order', 'line 2\nline 1\nline 3\n'],
      ['lines that are missing at the end', 'line 1\n'],
    ] as const
  ).map(([how, text]): Spoilt => ({
    invariant: 'I14',
    how,
    spoil: (evidence) =>
      withMessages(evidence, (own) => own.map((message) => (message.seq === 2 ? { ...message, text } : message))),
  })),
  {
    invariant: 'I15',
    how: 'no convergence',
    spoil: (evidence) => ({ ...evidence, healed: { ...evidence.healed, convergedAt: null } }),
  },
  {
    invariant: 'I15',
    how: 'convergence after two minutes',
    spoil: (evidence) => ({
      ...evidence,
      healed: { ...evidence.healed, convergedAt: evidence.healed.healedAt + 120_000 },
    }),
  },
  ...(
    [
      ['a worker that takes no runs any more', { name: 'worker 2', id: 'worker-2' }],
      ['a worker without a heartbeat', { name: 'worker 2', id: null }],
    ] as const
  ).map(([how, worker]): Spoilt => ({
    invariant: 'I15',
    how,
    spoil: ({ healed, ...evidence }) => ({ ...evidence, healed: { ...healed, workers: [...healed.workers, worker] } }),
  })),
  {
    invariant: 'I15',
    how: 'a run that is over and not torn down',
    spoil: (evidence) => withRun(evidence, { ...failed, errorCode: 'agent_exited', phase: 'tearing_down' }),
  },
  {
    invariant: 'I16',
    how: 'a change without its event',
    spoil: (evidence) =>
      withEvents(evidence, (events) => events.filter((event) => !isFirst(event) || event.from === null)),
  },
  {
    invariant: 'I16',
    how: 'an event without its change',
    spoil: (evidence) =>
      withEvents(evidence, (events) => [...events, { ...ADOPTED, adoption: `none -> ${WORKER} (epoch 2)` }]),
  },
  {
    invariant: 'I16',
    how: 'an adoption that is not told',
    spoil: (evidence) =>
      withTrail(evidence, { at: at(3), runId: FIRST, status: 'success', phase: 'finished', epoch: 2, owner: WORKER }),
  },
  {
    invariant: 'I16',
    how: 'events in the wrong order',
    spoil: (evidence) => withEvents(evidence, (events) => events.toReversed()),
  },
  {
    invariant: 'I16',
    how: 'a position that goes back',
    spoil: (evidence) =>
      withEvents(evidence, (events) =>
        events.map((event) => (isFirst(event) && event.from === null ? { ...event, position: 9 } : event)),
      ),
  },
];
