import type { JobSchedulerReconciler } from '@crewtab/orchestrator/firing/job-scheduler-reconciler';
import type { Store } from '@crewtab/store-prisma/open-store';
import { writeMark } from '@crewtab/queue-bullmq/bullmq-queues';
import type { SchedulerQueues } from './app.module';
import type { ReadinessCheck } from './http/http-deps';

/** What must work before this process should get requests. */
export function readinessChecks(
  store: Pick<Store, 'ping'>,
  queues: SchedulerQueues,
  jobSchedulers: JobSchedulerReconciler,
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
        await writeMark(queues.runs);
        return null;
      },
    },
    {
      name: 'job-schedulers',
      check: async () =>
        (await jobSchedulers.isInStep()) ? null : 'not in step with the schedules; the sweeper reconciles them',
    },
  ];
}
