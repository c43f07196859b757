import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** What a process reports to Prometheus. Made once per process; every method is cheap and never throws. */
export interface Metrics {
  /** The content type of `text`. */
  readonly contentType: string;
  /** All metrics in Prometheus' text format. */
  text(): Promise<string>;
  /** A run row was committed for an instant that was due `lagMs` ago. */
  runFired(trigger: string, lagMs: number): void;
  /** A worker has begun a run `waitMs` after it was queued. */
  runBegun(waitMs: number): void;
  /** A run reached a terminal status; `durationMs` from its start, null where it never began. */
  runFinished(status: string, durationMs: number | null): void;
  /** An attempt to remove a run's containers failed. */
  teardownFailed(): void;
  /** What the reaper removed. */
  leftoversRemoved(count: number): void;
  /** How many runs this worker holds, read at every scrape. */
  watchHeldRuns(read: () => number): void;
  /** Jobs by queue and state, read at every scrape; a failed read is counted and leaves the gauge out. */
  watchQueueDepth(read: () => Promise<readonly QueueDepth[]>): void;
  /** Runs in the database by status (those that are active), read at every scrape. */
  watchActiveRuns(read: () => Promise<Readonly<Record<string, number>>>): void;
  /** `route` is the pattern, never the path: ids would make a series each. */
  httpRequest(method: string, route: string, status: number, durationMs: number): void;
}

export interface QueueDepth {
  readonly queue: string;
  readonly state: string;
  readonly jobs: number;
}

const LAG_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300];
const RUN_BUCKETS_SECONDS = [1, 5, 15, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 86_400];
const HTTP_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** A registry of its own (not prom-client's global one), with Node's default metrics and those of Crewtab. */
export function createMetrics(processName: string): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ process: processName });
  collectDefaultMetrics({ register: registry });
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    ...runMetrics(registry),
    ...watchedMetrics(registry),
    ...httpMetrics(registry),
  };
}

type RunMetrics = Pick<Metrics, 'runFired' | 'runBegun' | 'runFinished' | 'teardownFailed' | 'leftoversRemoved'>;

function runMetrics(registry: Registry): RunMetrics {
  const registers = [registry];
  const fired = new Counter({
    name: 'crewtab_runs_fired_total',
    help: 'Run rows committed, by trigger.',
    labelNames: ['trigger'],
    registers,
  });
  const lag = new Histogram({
    name: 'crewtab_fire_lag_seconds',
    help: 'From the due instant to the committed run row.',
    buckets: LAG_BUCKETS_SECONDS,
    registers,
  });
  const begun = new Counter({ name: 'crewtab_runs_begun_total', help: 'Runs that a worker has begun.', registers });
  const wait = new Histogram({
    name: 'crewtab_run_wait_seconds',
    help: 'From the due instant to the start of a run.',
    buckets: LAG_BUCKETS_SECONDS,
    registers,
  });
  const finished = new Counter({
    name: 'crewtab_runs_finished_total',
    help: 'Runs that reached a terminal status.',
    labelNames: ['status'],
    registers,
  });
  const duration = new Histogram({
    name: 'crewtab_run_duration_seconds',
    help: 'From the start of a run to its terminal status.',
    labelNames: ['status'],
    buckets: RUN_BUCKETS_SECONDS,
    registers,
  });
  const teardownFailures = new Counter({
    name: 'crewtab_teardown_failures_total',
    help: 'Failed attempts to remove containers.',
    registers,
  });
  const leftovers = new Counter({
    name: 'crewtab_leftovers_removed_total',
    help: 'Things that the reaper removed.',
    registers,
  });
  return {
    runFired: (trigger, lagMs) => {
      fired.inc({ trigger });
      lag.observe(lagMs / 1_000);
    },
    runBegun: (waitMs) => {
      begun.inc();
      wait.observe(waitMs / 1_000);
    },
    runFinished: (status, durationMs) => {
      finished.inc({ status });
      if (durationMs !== null) duration.observe({ status }, durationMs / 1_000);
    },
    teardownFailed: () => teardownFailures.inc(),
    leftoversRemoved: (count) => leftovers.inc(count),
  };
}

type WatchedMetrics = Pick<Metrics, 'watchHeldRuns' | 'watchQueueDepth' | 'watchActiveRuns'>;

function watchedMetrics(registry: Registry): WatchedMetrics {
  const registers = [registry];
  const failures = new Counter({
    name: 'crewtab_metric_read_failures_total',
    help: 'Metrics that could not be read at a scrape.',
    labelNames: ['metric'],
    registers,
  });
  const gauge = (name: string, help: string, labelNames: string[], fill: (gauge: Gauge) => Promise<void>): void => {
    const collect = async function (this: Gauge): Promise<void> {
      this.reset();
      await fill(this).catch(() => failures.inc({ metric: name }));
    };
    new Gauge({ name, help, labelNames, registers, collect });
  };
  return {
    watchHeldRuns: (read) => {
      gauge('crewtab_held_runs', 'Runs that this worker holds.', [], (held) => Promise.resolve(held.set(read())));
    },
    watchQueueDepth: (read) => {
      gauge('crewtab_queue_jobs', 'Jobs in Redis, by queue and state.', ['queue', 'state'], async (jobs) => {
        for (const depth of await read()) jobs.set({ queue: depth.queue, state: depth.state }, depth.jobs);
      });
    },
    watchActiveRuns: (read) => {
      gauge('crewtab_active_runs', 'Runs that are not terminal yet, by status.', ['status'], async (runs) => {
        for (const [status, count] of Object.entries(await read())) runs.set({ status }, count);
      });
    },
  };
}

function httpMetrics(registry: Registry): Pick<Metrics, 'httpRequest'> {
  const requests = new Histogram({
    name: 'crewtab_http_request_duration_seconds',
    help: 'Time to answer a request (event streams: how long they were open).',
    labelNames: ['method', 'route', 'status'],
    buckets: HTTP_BUCKETS_SECONDS,
    registers: [registry],
  });
  return {
    httpRequest: (method, route, status, durationMs) =>
      requests.observe({ method, route, status: String(status) }, durationMs / 1_000),
  };
}
