import { DEFAULT_LEASE_MS } from '@crewtab/domain/ports/run-store';
import type { Schedule } from '@crewtab/domain/schedules/schedule';
import type { RunStoreSubject } from '../../contracts/stores/run-store-fixture';
import type { StoreFixture } from './store-fixture';

/** The real store, emptied, as the contract suites want it. */
export async function runStoreSubject(fixture: StoreFixture): Promise<RunStoreSubject> {
  await fixture.empty();
  const organizationId = await fixture.organization();
  const teamId = await fixture.team(organizationId);
  const schedules = new Map<string, Schedule>();
  const { runs: store, archive } = fixture.store;
  return {
    store,
    async addRun(wish = {}) {
      const { schedule: name, isExclusive = false, timeoutMs = 3_600_000, scheduledFor } = wish;
      const { verify = null, artifacts = null } = wish;
      const overlap = isExclusive ? 'queue' : 'allow';
      const known = name === undefined ? undefined : schedules.get(name);
      const schedule =
        known ?? (await fixture.schedule({ organizationId, teamId, timeoutMs, overlap, verify, artifacts }));
      if (name !== undefined) schedules.set(name, schedule);
      const { id } = await fixture.manualRun(organizationId, schedule.id);
      if (wish.workspace)
        await pastTheGuard(fixture, 'UPDATE schedule_runs SET workspace = $2 WHERE id = $1', [id, wish.workspace]);
      if (scheduledFor) await setScheduledFor(fixture, id, scheduledFor);
      return id;
    },
    expireLease: (runId) => fixture.expireLease(runId),
    passDeadline: (...wish) => passDeadline(fixture, ...wish),
    requestCancel: async (runId) => void (await archive.requestCancel(organizationId, runId)),
    messages: async (runId) =>
      (await archive.listMessages(organizationId, runId, 0, { limit: 1_000, contents: 'whole' }))?.items ?? [],
    close: () => Promise.resolve(),
  };
}

/** Manual runs are scheduled for the moment they are asked for. */
async function setScheduledFor(fixture: StoreFixture, runId: string, at: Date): Promise<void> {
  await pastTheGuard(fixture, 'UPDATE schedule_runs SET scheduled_for = $2 WHERE id = $1', [runId, at]);
}

async function passDeadline(fixture: StoreFixture, runId: string, agoMs: number, renewedMsAgo: number): Promise<void> {
  await pastTheGuard(
    fixture,
    `UPDATE schedule_runs SET deadline_at = now() - $2 * interval '1 millisecond',
      lease_until = now() + $3 * interval '1 millisecond' WHERE id = $1`,
    [runId, agoMs, DEFAULT_LEASE_MS - renewedMsAgo],
  );
}

/** Changes what a trigger keeps as it is. */
export async function pastTheGuard(fixture: StoreFixture, sql: string, values: readonly unknown[]): Promise<void> {
  await fixture.sql('ALTER TABLE schedule_runs DISABLE TRIGGER schedule_runs_guard');
  await fixture.sql(sql, values);
  await fixture.sql('ALTER TABLE schedule_runs ENABLE TRIGGER schedule_runs_guard');
}
