import type { RunPhase, RunStatus } from '@crewtab/domain/runs/run';
import type { DemoRun } from './demo-history';

interface DemoEvent {
  readonly type: 'run.status' | 'run.phase' | 'teardown.verified';
  readonly at: Date;
  readonly data: Readonly<Record<string, unknown>>;
}

/** What the triggers of `schedule_runs` would have written in the life of this run (prisma/migrations, run_events). */
export function eventsOf(run: DemoRun, host: string): DemoEvent[] {
  const { trigger, scheduledFor, queuedAt, startedAt, promptAt, finishedAt, error } = run;
  const isFired = trigger === 'schedule' || trigger === 'catchup';
  const lag = isFired ? { lagMs: span(scheduledFor, queuedAt) } : {};
  const made = { trigger, scheduledFor: scheduledFor.toISOString(), ...lag };
  if (run.status === 'skipped' || run.status === 'missed') {
    const gap = run.gap && { gap: { from: run.gap.from.toISOString(), to: run.gap.to.toISOString() } };
    const why = { error, ...(run.blockedBy !== null && { blockedBy: run.blockedBy }), ...gap };
    return [
      { type: 'run.status', at: queuedAt, data: { to: standing(run.status, 'finished'), epoch: 0, ...made, ...why } },
    ];
  }
  const queued = standing('queued', 'queued');
  const events: DemoEvent[] = [{ type: 'run.status', at: queuedAt, data: { to: queued, epoch: 0, ...made } }];
  if (startedAt === null || promptAt === null) return events;
  const [deploying, prompting, monitoring] = (['deploying', 'prompting', 'monitoring'] as const).map((phase) =>
    standing('running', phase),
  );
  events.push(
    {
      ...{ type: 'run.status', at: startedAt },
      data: { from: queued, to: deploying, epoch: 1, host, queuedMs: span(queuedAt, startedAt) },
    },
    {
      ...{ type: 'run.phase', at: promptAt },
      data: { from: deploying, to: prompting, epoch: 1, deployMs: span(startedAt, promptAt) },
    },
    { type: 'run.phase', at: promptAt, data: { from: prompting, to: monitoring, epoch: 1 } },
  );
  if (finishedAt === null) return events;
  const removedAt = new Date(finishedAt.getTime() + 1_200);
  const isSuccess = run.status === 'success';
  const removing = standing(isSuccess ? 'running' : run.status, 'tearing_down');
  events.push(
    {
      ...{ type: isSuccess ? 'run.phase' : 'run.status', at: finishedAt },
      data: {
        ...{ from: monitoring, to: removing, epoch: 1, ...(error && { error }) },
        ...(isSuccess ? {} : { runMs: span(startedAt, finishedAt) }),
      },
    },
    { type: 'teardown.verified', at: removedAt, data: { epoch: 1, teardownMs: 1_200 } },
    {
      ...{ type: isSuccess ? 'run.status' : 'run.phase', at: removedAt },
      data: {
        ...{ from: removing, to: standing(run.status, 'finished'), epoch: 1 },
        ...(isSuccess && { runMs: span(startedAt, removedAt) }),
      },
    },
  );
  return events;
}

function standing(status: RunStatus, phase: RunPhase) {
  return { status, phase };
}

function span(from: Date, to: Date): number {
  return to.getTime() - from.getTime();
}
