import type { Schedule } from '@crewtab/domain/schedules/schedule';
import type { Claim } from '@crewtab/domain/ports/run-store';
import { FAR_WORKER, WORKER } from '../../contracts/stores/run-store-fixture';
import { StoreFixture } from './store-fixture';

let fixture: StoreFixture;
let organizationId: string;
let schedule: Schedule;

beforeAll(async () => {
  fixture = await StoreFixture.create();
});
afterAll(() => fixture.dispose());
beforeEach(async () => {
  await fixture.empty();
  organizationId = await fixture.organization();
  const teamId = await fixture.team(organizationId);
  await fixture.store.teams.updateTeam(organizationId, teamId, { workspace: { persist: true } });
  schedule = await fixture.schedule({ organizationId, teamId, overlap: 'queue' });
});

/** A run that has begun. */
async function begun(): Promise<Claim & { readonly generation: number | undefined; readonly notice?: string }> {
  const { runs } = fixture.store;
  const { id: runId } = await fixture.manualRun(organizationId, schedule.id);
  const { epoch = 0 } = (await runs.claim(runId, WORKER)) ?? {};
  const names = { name: `n-${runId}`, fallbackName: `m-${runId}`, host: WORKER.host, runtime: 'docker' };
  const { keptWorkspace, workspaceNotice } = await runs.begin({ runId, epoch }, names);
  return { runId, epoch, generation: keptWorkspace?.generation, ...(workspaceNotice && { notice: workspaceNotice }) };
}

async function finished(): Promise<Awaited<ReturnType<typeof begun>>> {
  const run = await begun();
  await fixture.store.runs.conclude(run, { status: 'failed', result: null, error: { code: 'timeout', message: '' } });
  await fixture.store.runs.finish(run, {});
  return run;
}

const find = async () => (await fixture.store.keptWorkspaces.findKept([schedule.id])).get(schedule.id);
const kept = (generation: number) => ({ scheduleId: schedule.id, generation });

describe('the workspace of a schedule in Postgres', () => {
  it('is that of its host, in use until the run is finished, and gone with the schedule', async () => {
    expect(await find()).toBeUndefined();
    const run = await begun();
    expect(run.generation).toBe(1);
    expect(await find()).toMatchObject({ generation: 1, host: WORKER.host, isInUse: true });
    expect((await find())?.idleMs).toBeLessThan(60_000);
    await fixture.store.runs.conclude(run, { status: 'failed', result: null, error: { code: 'timeout', message: '' } });
    expect(await find()).toMatchObject({ isInUse: true });
    await fixture.store.runs.finish(run, {});
    expect(await find()).toMatchObject({ isInUse: false });
    await fixture.store.schedules.deleteSchedule(organizationId, schedule.id);
    expect(await find()).toBeUndefined();
  });

  it('ends once, never under a run, and the next run is told why', async () => {
    const { keptWorkspaces } = fixture.store;
    const run = await begun();
    expect(await keptWorkspaces.retire(kept(1), 'it was too large')).toBe(false);
    await fixture.store.runs.conclude(run, { status: 'failed', result: null, error: { code: 'timeout', message: '' } });
    await fixture.store.runs.finish(run, {});
    expect(await keptWorkspaces.retire(kept(1), 'it was too large')).toBe(true);
    expect(await keptWorkspaces.retire(kept(1), 'again')).toBe(false);
    expect(await finished()).toMatchObject({ generation: 2, notice: 'it was too large' });
    expect((await finished()).notice).toBeUndefined();
  });

  it('begins anew when a person asks for it, also while a run has it', async () => {
    const { schedules } = fixture.store;
    const run = await begun();
    expect(await schedules.resetWorkspace(organizationId, schedule.id)).toBe(true);
    expect(await schedules.resetWorkspace(await fixture.organization(), schedule.id)).toBe(false);
    expect(await schedules.resetWorkspace(organizationId, 'nothing')).toBe(false);
    expect((await fixture.store.runs.load(run)).keptWorkspace).toEqual(kept(1));
    await fixture.store.runs.conclude(run, { status: 'failed', result: null, error: { code: 'timeout', message: '' } });
    await fixture.store.runs.finish(run, {});
    const next = await finished();
    expect(next).toMatchObject({ generation: 2 });
    expect(next.notice).toBeUndefined();
  });

  it('keeps its runs to its host, as long as that is there', async () => {
    const { runs } = fixture.store;
    await finished();
    await fixture.sql("INSERT INTO hosts (id, runtime, description) VALUES ($1, 'docker', '')", [WORKER.host]);
    const { id } = await fixture.manualRun(organizationId, schedule.id);
    expect(await runs.claim(id, FAR_WORKER)).toBeNull();
    await fixture.sql("UPDATE hosts SET last_seen_at = now() - interval '3 minutes' WHERE id = $1", [WORKER.host]);
    const { epoch = 0 } = (await runs.claim(id, FAR_WORKER)) ?? {};
    const names = { name: 'n', fallbackName: 'm', host: FAR_WORKER.host, runtime: 'docker' };
    const run = await runs.begin({ runId: id, epoch }, names);
    expect(run).toMatchObject({
      keptWorkspace: kept(2),
      workspaceNotice: expect.stringContaining(WORKER.host) as string,
    });
  });

  it('is none of a try', async () => {
    const { archive, runs } = fixture.store;
    const tried = await archive.createTry(organizationId, schedule.teamId, { prompt: 'go', timeoutMs: 60_000 });
    const runId = tried?.id ?? '';
    const { epoch = 0 } = (await runs.claim(runId, WORKER)) ?? {};
    const run = await runs.begin(
      { runId, epoch },
      { name: 'n', fallbackName: 'm', host: WORKER.host, runtime: 'docker' },
    );
    expect(run.keptWorkspace).toBeUndefined();
    expect(run.workspaceNotice).toBe('a run without a schedule has a workspace of its own');
  });
});
