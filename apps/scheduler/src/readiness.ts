import type { ClockReconciler } from '@crewtab/engine/firing/clock-reconciler';
import type { Store } from '@crewtab/store-prisma/open-store';
import type { SchedulerQueues } from './app.module';
import type { ReadinessCheck } from './http/http-deps';

/** What must work before this process should get requests. */
export function readinessChecks(
  store: Pick<Store, 'ping'>,
  queues: SchedulerQueues,
  clocks: ClockReconciler,
): ReadinessCheck[] {
  return [
    {
      name: 'postgres',
      check: async () => {
        await store.ping();
        return null;
      },
    },
    {
      name: 'redis',
      check: async () => {
        await queues.runs.getJobCountByTypes('waiting');
        return null;
      },
    },
    {
      name: 'job-schedulers',
      check: async () =>
        (await clocks.isInStep()) ? null : 'not in step with the schedules; the sweeper puts them right',
    },
  ];
}
