import type { NetworkTraffic } from '@crewtab/domain/ports/egress-proxy';
import type { SystemState } from '@crewtab/domain/ports/host-store';
import type { RunEvent } from '@crewtab/domain/runs/run-event';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { runMetrics } from './run-metrics';
import { systemGauges } from './system-metrics';

/** What a process reports to Prometheus. Made once per process; every method is cheap and never throws. */
export interface Metrics {
  /** The content type of `text`. */
  readonly contentType: string;
  /** All metrics in Prometheus' text format. */
  text(): Promise<string>;
  /** Something happened to a run. Over all processes, of each event one is told: see `RunEventFeed`. */
  runEvent(event: RunEvent): void;
  /** Jobs by queue and state, read at every scrape; a failed read is counted and leaves the gauge out. */
  watchQueueDepth(read: () => Promise<readonly QueueDepth[]>): void;
  /** Runs in the database by status (those that are active), read at every scrape. */
  watchActiveRuns(read: () => Promise<Readonly<Record<string, number>>>): void;
  /** Hosts, workers, schedulers and what is owed, read once at every scrape. */
  watchSystem(read: () => Promise<SystemState>): void;
  /** What went through this process's egress proxy since it began, read at every scrape. */
  watchNetwork(read: () => NetworkTraffic): void;
  /** What this process has put into the store of artifacts, read at every scrape. */
  watchArtifacts(read: () => { readonly files: number; readonly bytes: number }): void;
  /** A run was ended because its worker does not come back. */
  runLost(): void;
  /** Rows of old history were deleted, because a retention is set. */
  rowsDeleted(kind: 'runs' | 'messages' | 'events' | 'artifacts', rows: number): void;
  /** `route` is the pattern, never the path: ids would make a series each. */
  httpRequest(method: string, route: string, status: number, durationMs: number): void;
}

export interface QueueDepth {
  readonly queue: string;
  readonly state: string;
  readonly jobs: number;
}

const HTTP_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** A registry of its own (not prom-client's global one), with Node's default metrics and those of Crewtab. */
export function createMetrics(processName: string): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ process: processName });
  collectDefaultMetrics({ register: registry });
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    runEvent: runMetrics(registry),
    ...counters(registry),
    watchNetwork: (read) => networkMetrics(registry, read),
    watchArtifacts: (read) => artifactMetrics(registry, read),
    ...watchedMetrics(registry),
    ...httpMetrics(registry),
  };
}

function counters(registry: Registry): Pick<Metrics, 'runLost' | 'rowsDeleted'> {
  const lost = new Counter({
    name: 'crewtab_lost_runs_total',
    help: 'Runs that this process ended because their worker does not come back.',
    registers: [registry],
  });
  const deleted = new Counter({
    name: 'crewtab_deleted_rows_total',
    help: 'Rows of old history that this process deleted, because a retention is set.',
    labelNames: ['kind'],
    registers: [registry],
  });
  return {
    runLost: () => lost.inc(),
    rowsDeleted: (kind, rows) => deleted.inc({ kind }, rows),
  };
}

/** Counted elsewhere, and read at a scrape. */
function networkMetrics(registry: Registry, read: () => NetworkTraffic): void {
  new Counter({
    name: 'crewtab_network_requests_total',
    help: 'Requests of agents to the egress proxy, by verdict; refused also beyond a limit of the run.',
    labelNames: ['verdict'],
    registers: [registry],
    collect() {
      const { allowed, refused } = read();
      this.reset();
      this.inc({ verdict: 'allowed' }, allowed);
      this.inc({ verdict: 'refused' }, refused);
    },
  });
  new Counter({
    name: 'crewtab_network_bytes_total',
    help: 'What agents sent and received through the egress proxy, bytes.',
    registers: [registry],
    collect() {
      this.reset();
      this.inc(read().bytes);
    },
  });
}

function artifactMetrics(registry: Registry, read: () => { readonly files: number; readonly bytes: number }): void {
  const counted = (name: string, help: string, field: 'files' | 'bytes'): void =>
    void new Counter({
      name,
      help,
      registers: [registry],
      collect() {
        this.reset();
        this.inc(read()[field]);
      },
    });
  counted('crewtab_artifacts_kept_total', 'Files of runs that this process has kept.', 'files');
  counted('crewtab_artifact_bytes_kept_total', 'Bytes of files of runs that this process has kept.', 'bytes');
}

type WatchedMetrics = Pick<Metrics, 'watchQueueDepth' | 'watchActiveRuns' | 'watchSystem'>;

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
    watchSystem: (read) => {
      // One read for all gauges of a scrape: they are collected at the same time.
      let reading: Promise<SystemState> | null = null;
      const state = (): Promise<SystemState> => (reading ??= read().finally(() => (reading = null)));
      for (const { name, help, labelNames, fill } of systemGauges)
        gauge(name, help, [...labelNames], async (metric) =>
          fill(await state(), (labels, value) => metric.set(labels, value)),
        );
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
