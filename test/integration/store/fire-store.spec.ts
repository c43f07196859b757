import { fireStoreContract } from '../../contracts/stores/fire-store-contract';
import { StoreFixture } from './store-fixture';
import { createOwnedDatabase } from '../../kit/services/database';

let fixture: StoreFixture;

beforeAll(async () => {
  fixture = await StoreFixture.create(await createOwnedDatabase());
});
afterAll(() => fixture.dispose());

fireStoreContract('PrismaFireStore', async () => {
  await fixture.empty();
  const organizationId = await fixture.organization();
  const teamId = await fixture.team(organizationId);
  const { fires, schedules, archive } = fixture.store;
  return {
    store: fires,
    now: () => new Date(),
    addSchedule: async (wish = {}) =>
      (await fixture.schedule({ organizationId, teamId, nextFireAt: null, ...wish })).id,
    editSchedule: async (id, { enabled, cron, nextFireAt, followingFireAt }) => {
      await schedules.updateSchedule(
        organizationId,
        id,
        { enabled, ...(cron !== undefined && { cron }) },
        { nextFireAt, followingFireAt },
      );
    },
    instantsOf: async (id) => {
      const [row] = await fixture.sql<{ next_fire_at: Date | null; following_fire_at: Date | null }>(
        'SELECT next_fire_at, following_fire_at FROM schedules WHERE id = $1',
        [id],
      );
      return { nextFireAt: row?.next_fire_at ?? null, followingFireAt: row?.following_fire_at ?? null };
    },
    runsOf: async (id) =>
      [...(await archive.listRuns(organizationId, { scheduleId: id }, { limit: 100, cursor: null })).items].reverse(),
    close: () => Promise.resolve(),
  };
});
