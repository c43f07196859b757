import { join } from 'node:path';
import { describeWithDocker } from '../../kit/services/docker';
import { eventually } from '../../kit/wait-for';
import { Crewtab } from './crewtab';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** From the deadline to the terminal status. */
const DEADLINE_LAG_MS = 5_000;
const TEST_LIMIT_MS = 240_000;

const shifted = (ms: number): Record<string, string> => ({
  NODE_OPTIONS: `--require ${join(__dirname, 'shifted-date.cjs')}`,
  CLOCK_SHIFT_MS: String(ms),
});

/** What the database says about it, whose clock is right here, as is that of this test. */
const isNear = (at: string | null, ms: number, withinMs: number): boolean =>
  Math.abs(Date.parse(at ?? '') - ms) < withinMs;

/** The tests with clocks an hour off: in a file for each direction, so that both wait for the same minute. */
export function describeWithWrongClocks(direction: 'ahead' | 'behind'): void {
  const shiftMs = direction === 'ahead' ? HOUR_MS : -HOUR_MS;
  const words = `with the clocks of the scheduler and of the workers an hour ${direction}`;
  describeWithDocker(words, () => describeShifted(shiftMs));
}

function describeShifted(shiftMs: number): void {
  let crewtab: Crewtab;

  beforeAll(async () => {
    const env = shifted(shiftMs);
    crewtab = await Crewtab.start({
      workers: 2,
      schedulerEnv: env,
      workerEnv: { ...env, WORKER_CONCURRENCY: '1' },
    });
  });

  afterAll(() => (crewtab as Crewtab | undefined)?.stop());

  it(
    'runs end well, or at their deadline; schedules fire on time; a full worker holds no run back',
    async () => {
      const { api } = crewtab;
      const team = await api.createTeam({ name: 'Astray', agents: [crewtab.leader()] });
      const make = async (prompt: string, timeout: string, cron = '0 0 1 1 *'): Promise<string> =>
        (await api.createSchedule({ teamId: team.id, name: prompt, prompt, cron, timeout })).id;

      // Its timeout and grace are less than what the clocks are off.
      const minutely = await make('answer on time', '5m', '* * * * *');
      const dueAt = Math.ceil((Date.now() + 1) / MINUTE_MS) * MINUTE_MS;
      const { nextRunAt } = await api.schedule(minutely);
      expect(isNear(nextRunAt, dueAt, MINUTE_MS + 1_000)).toBe(true);

      const [healthy, endless] = [await make('stream 60 every 100ms', '5m'), await make('hang', '8s')];
      const started = await Promise.all([api.trigger(healthy), api.trigger(endless), api.trigger(healthy)]);
      const [first, second, third] = await Promise.all(started.map(({ id }) => api.untilFinished(id)));
      for (const run of [first, third]) expect(run).toMatchObject({ status: 'success', error: null });
      expect(second).toMatchObject({ status: 'timeout' });
      const lateMs = Date.parse(second?.finishedAt ?? '') - Date.parse(second?.startedAt ?? '') - 8_000;
      expect(lateMs).toBeGreaterThanOrEqual(0);
      expect(lateMs).toBeLessThan(DEADLINE_LAG_MS);

      const fired = await eventually(
        async () => {
          const due = (await api.runsOf(minutely)).find(({ scheduledFor }) => scheduledFor === nextRunAt);
          if (!due) throw new Error(`nothing has fired for ${nextRunAt ?? 'never'}`);
          return due;
        },
        { timeoutMs: 2 * MINUTE_MS, intervalMs: 250 },
      );
      await api.request('POST /schedules/:id/pause', { params: { id: minutely } });
      const run = await api.untilFinished(fired.id);
      expect(run).toMatchObject({ trigger: 'schedule', status: 'success' });
      expect(isNear(run.startedAt, Date.parse(run.scheduledFor), 30_000)).toBe(true);
      for (const { id } of await api.runsOf(minutely)) await api.untilFinished(id);
    },
    TEST_LIMIT_MS,
  );
}
