import type { Schedule } from '@crewtab/domain/schedules/schedule';
import { StoreFixture } from './store-fixture';

/** What the database itself refuses, whatever the code above it does: every statement here goes past the store. */

let fixture: StoreFixture;
let schedule: Schedule;
let exclusive: Schedule;

beforeAll(async () => {
  fixture = await StoreFixture.create();
  schedule = await fixture.schedule();
  exclusive = await fixture.schedule({ overlap: 'skip' });
});
afterAll(() => fixture.dispose());

const PLAN = { team_name: 'Team', network: 'egress', prompt: 'Go.', timeout_ms: 1000, agents: '[]', exclusive: false };
const BEGUN = { status: 'running', phase: 'deploying', host: 'h', started_at: new Date(), deadline_at: new Date() };
const FAILED = { status: 'failed', finished_at: new Date(), error_code: 'agent_error', error_message: 'no' };
const PUSHED = '{"git":{"push":{"branch":"work"}}}';
const FINISHED_WORK = { verify: '{"files":["a"]}', artifacts: '["*"]' };
const PASSED = '{"status":"passed","checks":[]}';
const MISSED = { ...FAILED, status: 'missed', phase: 'finished', error_code: 'missed' };

let minute = 0;

/** A row of schedule_runs, each for another instant. */
async function insertRun(columns: Record<string, unknown> = {}, of: Schedule = schedule): Promise<string> {
  const row: Record<string, unknown> = {
    organization_id: of.organizationId,
    schedule_id: of.id,
    team_id: of.teamId,
    trigger: 'schedule',
    scheduled_for: new Date(Date.UTC(2026, 0, 1, 0, minute++)),
    ...PLAN,
    ...columns,
  };
  const names = Object.keys(row);
  const [made] = await fixture.sql<{ id: string }>(
    `INSERT INTO schedule_runs (${names.join(', ')}) VALUES (${names.map((_, n) => `$${n + 1}`).join(', ')}) RETURNING id`,
    Object.values(row),
  );
  if (!made) throw new Error('no run was made');
  return made.id;
}

function update(runId: string, columns: Record<string, unknown>): Promise<unknown> {
  const names = Object.keys(columns);
  const sets = names.map((name, n) => `${name} = $${n + 2}`).join(', ');
  return fixture.sql(`UPDATE schedule_runs SET ${sets} WHERE id = $1`, [runId, ...Object.values(columns)]);
}

function breaks(constraint: string): { constraint: string } {
  return expect.objectContaining({ constraint }) as { constraint: string };
}

describe('due instants', () => {
  it('have one fired run at most, whatever became of it', async () => {
    const at = { scheduled_for: new Date('2026-02-01T00:00:00Z') };
    await insertRun({ ...at, ...MISSED });
    await expect(insertRun(at)).rejects.toEqual(breaks('schedule_runs_one_per_instant'));
    await expect(insertRun({ ...at, trigger: 'catchup' })).rejects.toEqual(breaks('schedule_runs_one_per_instant'));
  });

  it('may have manual runs and reruns beside it', async () => {
    const at = { scheduled_for: new Date('2026-02-02T00:00:00Z') };
    await insertRun(at);
    await insertRun({ ...at, trigger: 'manual' });
    await insertRun({ ...at, trigger: 'manual' });
    await insertRun({ ...at, trigger: 'rerun' });
  });
});

describe('a run that is over', () => {
  it.each([
    ['status', { status: 'success', error_code: null, error_message: null }],
    ['finished_at', { finished_at: new Date(0) }],
    ['result', { result: 'other' }],
    ['error_code', { error_code: 'timeout' }],
    ['error_message', { error_message: 'other' }],
  ])('keeps its %s', async (_column, change) => {
    const runId = await insertRun({ ...BEGUN, ...FAILED, phase: 'tearing_down' });
    await expect(update(runId, change)).rejects.toEqual(breaks('schedule_runs_terminal_is_final'));
  });

  it('may still be torn down, and then keeps its receipt', async () => {
    const runId = await insertRun({ ...BEGUN, ...FAILED, phase: 'tearing_down' });
    await update(runId, { removed_containers: 1, phase: 'finished', teardown_verified_at: new Date() });
    await expect(update(runId, { removed_other: { process: 1 } })).rejects.toEqual(
      breaks('schedule_runs_receipt_is_final'),
    );
    await expect(update(runId, { removed_containers: 2 })).rejects.toEqual(breaks('schedule_runs_receipt_is_final'));
    await expect(update(runId, { teardown_verified_at: new Date(0) })).rejects.toEqual(
      breaks('schedule_runs_receipt_is_final'),
    );
  });
});

describe('a run', () => {
  it.each([
    ['deploying', 'queued'],
    ['prompting', 'deploying'],
    ['monitoring', 'prompting'],
    ['verifying', 'monitoring'],
    ['collecting', 'verifying'],
    ['tearing_down', 'collecting'],
    ['tearing_down', 'monitoring'],
  ])('does not go from %s back to %s', async (from, to) => {
    const runId = await insertRun({ ...BEGUN, ...FINISHED_WORK, verification: PASSED, phase: from });
    const back = to === 'queued' ? { phase: to, status: 'queued' } : { phase: to };
    await expect(update(runId, back)).rejects.toEqual(breaks('schedule_runs_phase_moves_forward'));
  });

  it('does not leave `finished`', async () => {
    const runId = await insertRun({ ...BEGUN, ...FAILED, phase: 'finished', teardown_verified_at: new Date() });
    await expect(update(runId, { phase: 'tearing_down' })).rejects.toEqual(breaks('schedule_runs_phase_moves_forward'));
  });

  it('keeps its clock, and its epoch only grows', async () => {
    const runId = await insertRun({ ...BEGUN, epoch: 3 });
    await update(runId, { epoch: 4 });
    await expect(update(runId, { epoch: 3 })).rejects.toEqual(breaks('schedule_runs_epoch_grows'));
    await expect(update(runId, { deadline_at: new Date(0) })).rejects.toEqual(
      breaks('schedule_runs_deadline_is_fixed'),
    );
    await expect(update(runId, { started_at: new Date(0) })).rejects.toEqual(breaks('schedule_runs_deadline_is_fixed'));
    await expect(update(runId, { scheduled_for: new Date(0) })).rejects.toEqual(
      breaks('schedule_runs_identity_is_fixed'),
    );
  });

  it.each<[string, Record<string, unknown>, string]>([
    [
      'is terminal without finishedAt',
      { ...BEGUN, ...FAILED, phase: 'tearing_down', finished_at: null },
      'schedule_runs_finished_at_is_terminal',
    ],
    ['has finishedAt while it runs', { ...BEGUN, finished_at: new Date() }, 'schedule_runs_finished_at_is_terminal'],
    [
      'runs in phase `finished`',
      { ...BEGUN, phase: 'finished', teardown_verified_at: new Date() },
      'schedule_runs_finished_phase_is_terminal',
    ],
    [
      'is terminal while it is watched',
      { ...BEGUN, ...FAILED, phase: 'monitoring' },
      'schedule_runs_terminal_phase_is_late',
    ],
    ['is queued but deploying', { ...BEGUN, status: 'queued' }, 'schedule_runs_queued_is_one_thing'],
    [
      'was skipped though it began',
      { ...BEGUN, ...MISSED, status: 'skipped', teardown_verified_at: new Date() },
      'schedule_runs_not_run_never_began',
    ],
    [
      'failed without a reason',
      { ...BEGUN, ...FAILED, phase: 'tearing_down', error_code: null, error_message: null },
      'schedule_runs_error_tells_why',
    ],
    ['runs with an error', { ...BEGUN, error_code: 'timeout', error_message: 'no' }, 'schedule_runs_error_tells_why'],
    ['began without a deadline', { ...BEGUN, deadline_at: null }, 'schedule_runs_begun_has_a_deadline'],
    ['is finished without a receipt', { ...BEGUN, ...FAILED, phase: 'finished' }, 'schedule_runs_finished_is_verified'],
    [
      'succeeded unverified',
      {
        ...BEGUN,
        ...FINISHED_WORK,
        phase: 'finished',
        status: 'success',
        finished_at: new Date(),
        teardown_verified_at: new Date(),
      },
      'schedule_runs_success_is_verified',
    ],
    [
      'is a pending success whose verification failed',
      { ...BEGUN, ...FINISHED_WORK, phase: 'tearing_down', verification: '{"status":"failed"}' },
      'schedule_runs_success_is_verified',
    ],
    [
      'succeeded before its work was pushed',
      { ...BEGUN, workspace: PUSHED, phase: 'tearing_down', push: '{"state":"unconfirmed"}' },
      'schedule_runs_success_is_pushed',
    ],
    [
      'has a kept workspace while others may run',
      { ...BEGUN, workspace_generation: 1 },
      'schedule_runs_kept_workspace_is_exclusive',
    ],
    ['is verified unasked', { ...BEGUN, phase: 'verifying' }, 'schedule_runs_verifying_was_asked_for'],
    ['is collected unasked', { ...BEGUN, phase: 'collecting' }, 'schedule_runs_collecting_was_asked_for'],
    ['has an owner without a lease', { owner: 'w' }, 'schedule_runs_claim_is_whole'],
    ['is to be cancelled without a code', { cancel_requested_at: new Date() }, 'schedule_runs_cancel_has_a_code'],
  ])('is refused when it %s', async (_what, columns, constraint) => {
    await expect(insertRun(columns)).rejects.toEqual(breaks(constraint));
  });

  it.each([
    ['is left alone by a worker that does not know what it asks for', FINISHED_WORK, 4],
    ['is left alone by a worker that does not know pushes', { workspace: PUSHED, understood_epoch: 5 }, 4],
    ['with a repository alone is claimed by one that knows it', { workspace: '{"git":{}}', understood_epoch: 5 }, 5],
    ['that asks for nothing more is claimed by any', {}, 5],
  ])('%s', async (_what, more, epoch) => {
    const runId = await insertRun({ ...BEGUN, understood_epoch: 4, ...more, epoch: 4 });
    const claim = { epoch: 5, owner: 'old', lease_until: new Date() };
    await update(runId, claim);
    const [row] = await fixture.sql<{ epoch: number }>('SELECT epoch FROM schedule_runs WHERE id = $1', [runId]);
    expect(row?.epoch).toBe(epoch);
    await update(runId, { ...claim, epoch: 6, understood_epoch: 6, workspace_epoch: 6 });
    const [taken] = await fixture.sql<{ epoch: number }>('SELECT epoch FROM schedule_runs WHERE id = $1', [runId]);
    expect(taken?.epoch).toBe(6);
  });

  it('belongs to the organization of its schedule', async () => {
    const organization_id = await fixture.organization();
    await expect(insertRun({ organization_id })).rejects.toEqual(
      breaks('schedule_runs_organization_id_schedule_id_fkey'),
    );
  });

  it('is the only running one of a schedule whose runs exclude each other', async () => {
    const first = await insertRun({ ...BEGUN, exclusive: true }, exclusive);
    const second = await insertRun({ exclusive: true }, exclusive);
    await expect(update(second, BEGUN)).rejects.toEqual(breaks('schedule_runs_one_exclusive_running'));
    await update(first, { ...FAILED, phase: 'tearing_down' });
    await update(second, BEGUN);
  });
});

describe('what is written down', () => {
  const message = (runId: string, seq: number, organizationId = schedule.organizationId): Promise<unknown> =>
    fixture.sql(
      `INSERT INTO messages (organization_id, run_id, seq, kind, content, at) VALUES ($1, $2, $3, 'system', '{}', now())`,
      [organizationId, runId, seq],
    );

  it('stays in the conversation as it is', async () => {
    const runId = await insertRun();
    await message(runId, 1);
    await expect(message(runId, 1)).rejects.toEqual(breaks('messages_pkey'));
    await expect(message(runId, 0)).rejects.toEqual(breaks('messages_seq_counts_from_one'));
    await expect(message(runId, 2, exclusive.organizationId)).rejects.toEqual(
      breaks('messages_organization_id_run_id_fkey'),
    );
    await expect(
      fixture.sql(`UPDATE messages SET content = '{"text":"x"}' WHERE run_id = $1`, [runId]),
    ).rejects.toEqual(breaks('messages_are_immutable'));
    await expect(fixture.sql('DELETE FROM messages WHERE run_id = $1', [runId])).rejects.toEqual(
      breaks('history_is_kept'),
    );
  });

  it('permits the prompt once', async () => {
    const runId = await insertRun();
    const permit = (): Promise<unknown> =>
      fixture.sql(
        'INSERT INTO prompt_permits (organization_id, run_id, epoch, permitted_at) VALUES ($1, $2, 1, now())',
        [schedule.organizationId, runId],
      );
    await permit();
    await expect(permit()).rejects.toEqual(breaks('prompt_permits_pkey'));
    await expect(fixture.sql('UPDATE prompt_permits SET epoch = 2 WHERE run_id = $1', [runId])).rejects.toEqual(
      breaks('prompt_permits_are_final'),
    );
    await expect(fixture.sql('DELETE FROM prompt_permits WHERE run_id = $1', [runId])).rejects.toEqual(
      breaks('history_is_kept'),
    );
    await fixture.sql('UPDATE prompt_permits SET sent_at = now() WHERE run_id = $1', [runId]);
    await expect(fixture.sql('UPDATE prompt_permits SET sent_at = NULL WHERE run_id = $1', [runId])).rejects.toEqual(
      breaks('prompt_permits_are_final'),
    );
  });

  it('permits and answers a delegation once', async () => {
    const runId = await insertRun();
    await fixture.sql(
      `INSERT INTO delegations (organization_id, run_id, id, from_agent, to_agent, task, opened_at) VALUES ($1, $2, 'd', 'a', 'b', 't', now())`,
      [schedule.organizationId, runId],
    );
    const set = (sets: string): Promise<unknown> =>
      fixture.sql(`UPDATE delegations SET ${sets} WHERE run_id = $1`, [runId]);
    await expect(set(`answer = '{"text":"x"}'`)).rejects.toEqual(breaks('delegations_answer_is_whole'));
    await set(`permit_epoch = 1`);
    await set(`answer = '{"text":"x"}', answered_at = now()`);
    await expect(set(`permit_epoch = 2`)).rejects.toEqual(breaks('delegations_are_final'));
    await expect(set(`answer = '{"text":"y"}'`)).rejects.toEqual(breaks('delegations_are_final'));
    await expect(set(`task = 'other'`)).rejects.toEqual(breaks('delegations_are_final'));
  });

  it('has one deployment per run, and one per name', async () => {
    const deploy = (runId: string, name: string): Promise<unknown> =>
      fixture.sql(
        `INSERT INTO deployments (organization_id, run_id, name, host, runtime) VALUES ($1, $2, $3, 'h', 'fake')`,
        [schedule.organizationId, runId, name],
      );
    const [first, second] = [await insertRun(), await insertRun()];
    await deploy(first, 'team-run-1');
    await expect(deploy(first, 'team-run-2')).rejects.toMatchObject({ code: '23505' });
    await expect(deploy(second, 'team-run-1')).rejects.toEqual(breaks('deployments_name_key'));
  });
});

describe('schedules and teams', () => {
  const set = (sets: string): Promise<unknown> =>
    fixture.sql(`UPDATE schedules SET ${sets} WHERE id = $1`, [schedule.id]);

  it.each([
    ['live without a team', 'team_id = NULL', 'schedules_live_have_a_team'],
    ['deleted but enabled', 'deleted_at = now()', 'schedules_deleted_are_disabled'],
    ['disabled but due', 'enabled = false', 'schedules_disabled_never_fire'],
    ['following before next', `following_fire_at = '2020-01-01'`, 'schedules_following_is_later'],
    ['without a timeout', 'timeout_ms = 0', 'schedules_durations_are_positive'],
  ])('are refused when %s', async (_what, sets, constraint) => {
    await expect(set(sets)).rejects.toEqual(breaks(constraint));
  });

  it('stay within their organization', async () => {
    await expect(set(`team_id = '${exclusive.teamId}'`)).rejects.toEqual(
      breaks('schedules_organization_id_team_id_fkey'),
    );
  });

  it('refuse a second leader', async () => {
    await expect(
      fixture.sql(`UPDATE agents SET role = 'leader' WHERE team_id = $1`, [schedule.teamId]),
    ).rejects.toEqual(breaks('agents_one_leader'));
  });

  it('cannot lose a team that is in use', async () => {
    await expect(fixture.sql('DELETE FROM teams WHERE id = $1', [schedule.teamId])).rejects.toEqual(
      breaks('schedules_organization_id_team_id_fkey'),
    );
  });
});

describe('access', () => {
  it('stores nothing that is not a SHA-256', async () => {
    const key = fixture.sql(
      `INSERT INTO api_keys (organization_id, name, role, key_hash) VALUES ($1, 'k', 'admin', 'ck_secret')`,
      [schedule.organizationId],
    );
    await expect(key).rejects.toEqual(breaks('api_keys_hash_is_sha256'));
  });

  it('refuses a second installation', async () => {
    await expect(fixture.sql(`INSERT INTO installation (singleton, seal_check) VALUES (false, 'x')`)).rejects.toEqual(
      breaks('installation_is_one_row'),
    );
    await expect(fixture.sql(`INSERT INTO installation (seal_check) VALUES ('x')`)).rejects.toEqual(
      breaks('installation_pkey'),
    );
  });
});

describe('ids', () => {
  it('are UUIDs of version 7 that sort as they were made', async () => {
    const rows = await fixture.sql<{ before: number; id: string; after: number }>(
      `SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::float8 AS before, crewtab_uuid_v7()::text AS id,
        floor(extract(epoch FROM clock_timestamp()) * 1000)::float8 AS after FROM generate_series(1, 200)`,
    );
    for (const { before, id, after } of rows) {
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      const ms = Number.parseInt(id.replace('-', '').slice(0, 12), 16);
      expect(ms).toBeGreaterThanOrEqual(before);
      expect(ms).toBeLessThanOrEqual(after);
    }
    const prefixes = rows.map(({ id }) => id.slice(0, 18));
    expect(prefixes).toEqual([...prefixes].sort());
    expect(new Set(rows.map(({ id }) => id.slice(-6))).size).toBeGreaterThan(190);
  });
});
