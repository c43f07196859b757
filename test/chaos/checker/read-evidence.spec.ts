import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkEvidence } from './check-evidence';
import { readEvidence } from './read-evidence';

const RUN = '0198c0de-0000-7000-8000-000000000001';
const OTHER_RUN = '0198c0de-0000-7000-8000-000000000003';
const SCHEDULE = '0198c0de-0000-7000-8000-000000000002';

/** Lines as Postgres, Docker and the demo agent write them. */
const FILES: Record<string, unknown[]> = {
  'prompts.jsonl': [
    { at: '2026-06-01T12:00:01.000Z', pid: 1, protocol: 'acp', requestId: `prompt:${RUN}`, text: 'answer hi' },
    {
      at: '2026-06-01T12:00:01.000Z',
      hostname: 'c1c1c1c1c1c1',
      pid: 7,
      protocol: 'command',
      requestId: null,
      text: 'hi',
    },
    { at: '2026-06-01T12:00:01.000Z', hostname: 'myhost', pid: 7, protocol: 'command', requestId: null, text: 'hi' },
  ],
  'engine-events.jsonl': [
    {
      status: 'create',
      id: 'c1',
      from: 'crewtab/demo-agent',
      Type: 'container',
      Action: 'create',
      Actor: { ID: 'c1', Attributes: { name: 'team-run-lead', 'crewtab.run': RUN, 'crewtab.installation': 'i' } },
      scope: 'local',
      time: 1780315200,
      timeNano: 1780315200500000000,
    },
    {
      Type: 'container',
      Action: 'create',
      Actor: { ID: 'c1c1c1c1c1c1d2d2d2d2', Attributes: { 'crewtab.run': OTHER_RUN } },
      time: 1780315210,
    },
    { Type: 'volume', Action: 'destroy', Actor: { ID: 'v1', Attributes: { driver: 'local' } }, time: 1780315230 },
  ],
  'faults.jsonl': [{ at: '2026-06-01T12:00:00.000Z', kind: 'worker-kill', target: 'worker-1', detail: { signal: 9 } }],
  'requests.jsonl': [
    {
      at: '2026-06-01T12:00:00.000Z',
      answeredAt: null,
      method: 'POST',
      path: `/api/v1/schedules/${SCHEDULE}/pause`,
      body: {},
      status: null,
      answer: null,
    },
  ],
  'tables/schedules.jsonl': [
    {
      id: SCHEDULE,
      name: 's',
      cron: '* * * * *',
      timezone: 'UTC',
      enabled: true,
      created_at: '2026-06-01T11:59:00.123+00:00',
      deleted_at: null,
      timeout_ms: '60000',
    },
  ],
  'tables/schedule_runs.jsonl': [
    {
      id: RUN,
      schedule_id: SCHEDULE,
      trigger: 'schedule',
      scheduled_for: '2026-06-01T12:00:00+00:00',
      request_key: null,
      status: 'success',
      phase: 'finished',
      queued_at: '2026-06-01T12:00:00.01+00:00',
      prompt: 'answer hi',
      timeout_ms: 60000,
      agents: [{ name: 'lead', role: 'leader', protocol: 'acp', image: 'x' }],
      exclusive: false,
      epoch: 1,
      owner: null,
      started_at: '2026-06-01T12:00:00.1+00:00',
      deadline_at: '2026-06-01T12:01:00.1+00:00',
      finished_at: '2026-06-01T12:00:02+00:00',
      cancel_requested_at: null,
      result: 'hi',
      error_code: null,
      error_message: null,
      last_seq: 1,
    },
  ],
  'tables/deployments.jsonl': [{ id: 'd', run_id: RUN, name: 'team-run' }],
  'tables/messages.jsonl': [
    { run_id: RUN, seq: 1, agent: 'lead', kind: 'agent_message', content: { text: 'hi' }, at: '2026-06-01T12:00:01Z' },
    { run_id: RUN, seq: 2, agent: 'lead', kind: 'tool_call', content: { title: 't' }, at: '2026-06-01T12:00:01Z' },
  ],
  'tables/prompt_permits.jsonl': [{ run_id: RUN, epoch: 1, sent_at: '2026-06-01T12:00:01Z' }],
  'tables/delegations.jsonl': [{ run_id: RUN, id: 'call-1', permit_epoch: null }],
};
const HEALED = {
  startedAt: '2026-06-01T11:59:00Z',
  healedAt: '2026-06-01T12:00:30Z',
  convergedAt: '2026-06-01T12:00:50Z',
  seed: 7,
  minutes: 2,
  installationId: 'i',
  foreignResources: [{ kind: 'container', name: 'foreign', id: 'foreign-1' }],
  hosts: [{ name: 'a' }],
  workers: [{ name: 'worker 1', id: 'w-1' }],
};

describe('reading an evidence folder', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'crewtab-evidence-'));
    await mkdir(join(folder, 'tables'));
    for (const [name, lines] of Object.entries(FILES))
      await writeFile(join(folder, name), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    await writeFile(join(folder, 'healed.json'), JSON.stringify(HEALED));
    const left = { containers: [{ id: 'foreign-1', name: 'foreign', labels: {} }], networks: [], volumes: [] };
    await writeFile(join(folder, 'engine-left.json'), JSON.stringify(left));
  });

  afterEach(() => rm(folder, { recursive: true }));

  it('takes instants, ids and rows as they are written', async () => {
    const evidence = await readEvidence(folder);
    expect(evidence.prompts.map(({ runId }) => runId)).toEqual([RUN, OTHER_RUN, null]);
    expect(evidence.engineEvents.map(({ at }) => at)).toEqual([1780315200500, 1780315210000, 1780315230000]);
    expect(evidence.faults[0]).toMatchObject({ endedAt: Date.parse('2026-06-01T12:00:00Z'), detail: '{"signal":9}' });
    expect(evidence.healed).toMatchObject({ seed: '7', convergedAt: Date.parse('2026-06-01T12:00:50Z') });
    expect(evidence.engineLeft).toEqual([{ kind: 'container', id: 'foreign-1', name: 'foreign', labels: {} }]);
    expect(evidence.tables.runs[0]).toMatchObject({ startedAt: Date.parse('2026-06-01T12:00:00.100Z'), lastSeq: 1 });
    expect(evidence.tables.messages.map(({ text }) => text)).toEqual(['hi', null]);
  });

  it('is checked from end to end: only the lastSeq is wrong here', async () => {
    const { invariants, runs } = await checkEvidence(folder);
    expect(runs).toBe(1);
    const violations = invariants.flatMap(({ invariant, violations: found }) =>
      found.map(({ facts }) => `${invariant}: ${facts}`),
    );
    expect(violations).toEqual([
      'I7: 0 prompts in its conversation, 1 permits',
      'I14: 2 messages are stored, lastSeq is 1',
    ]);
  });

  it('refuses a folder that is not complete, and names the line that cannot be read', async () => {
    await writeFile(
      join(folder, 'faults.jsonl'),
      '{"at":"2026-06-01T12:00:00Z","kind":"x","target":"y"}\n{"at":"soon"}\n',
    );
    await expect(readEvidence(folder)).rejects.toThrow('faults.jsonl:2');
    await rm(join(folder, 'prompts.jsonl'));
    await expect(readEvidence(folder)).rejects.toThrow('prompts.jsonl');
  });
});
