import type { RunEvent, RunEventData } from '@crewtab/domain/runs/run-event';
import { isTerminal } from '@crewtab/domain/runs/run';
import { Counter, Histogram, type Registry } from 'prom-client';

const LAG_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300];
const STEP_BUCKETS_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800];
const RUN_BUCKETS_SECONDS = [1, 5, 15, 60, 300, 900, 1_800, 3_600, 7_200, 21_600, 86_400];

type Duration = keyof Pick<RunEventData, 'lagMs' | 'queuedMs' | 'deployMs' | 'runMs' | 'teardownMs'>;

/** What is known of runs, counted from their events: over all processes, each event is observed by one. */
export function runMetrics(registry: Registry): (event: RunEvent) => void {
  const registers = [registry];
  const ended = new Counter({
    name: 'crewtab_runs_total',
    help: 'Runs that ended, by status and error code; skipped and missed instants among them.',
    labelNames: ['status', 'code'],
    registers,
  });
  const warned = new Counter({
    name: 'crewtab_run_warnings_total',
    help: 'Warnings of runs whose outcome was decided, by code.',
    labelNames: ['code'],
    registers,
  });
  const histogram = (name: string, help: string, buckets: number[]): Histogram =>
    new Histogram({ name, help, buckets, registers });
  const histograms: Readonly<Record<Duration, Histogram>> = {
    lagMs: histogram(
      'crewtab_fire_lag_seconds',
      'From the due instant to the stored run, for every run that was fired.',
      LAG_BUCKETS_SECONDS,
    ),
    queuedMs: histogram('crewtab_run_queue_seconds', 'From there until the run began.', STEP_BUCKETS_SECONDS),
    deployMs: histogram(
      'crewtab_run_deploy_seconds',
      'From the beginning until every agent had answered the handshake.',
      STEP_BUCKETS_SECONDS,
    ),
    runMs: histogram('crewtab_run_duration_seconds', 'From the beginning to the terminal status.', RUN_BUCKETS_SECONDS),
    teardownMs: histogram(
      'crewtab_run_teardown_seconds',
      'From the outcome until the engine said that nothing is left.',
      STEP_BUCKETS_SECONDS,
    ),
  };
  return ({ data }) => {
    const { from, to, error } = data;
    const isEnd = to !== undefined && isTerminal(to.status) && to.status !== from?.status;
    if (isEnd) ended.inc({ status: to.status, code: error?.code ?? '' });
    for (const code of data.warnings ?? []) warned.inc({ code });
    // An instant that is recorded as skipped or missed was not fired.
    const { lagMs, ...rest } = data;
    const measured: Pick<RunEventData, Duration> = to?.status === 'queued' ? { ...rest, lagMs } : rest;
    for (const [name, metric] of Object.entries(histograms)) {
      const ms = measured[name as Duration];
      if (ms !== undefined) metric.observe(ms / 1_000);
    }
  };
}
