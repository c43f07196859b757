import { LiquidPromptRenderer } from '@crewtab/prompt-liquid/liquid-prompt-renderer';
import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import type { SchedulerConfig } from '@crewtab/config/scheduler-config';
import type { ArtifactStore } from '@crewtab/domain/ports/artifact-store';
import type { Clock } from '@crewtab/domain/ports/clock';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { DeletedBatch } from '@crewtab/domain/ports/retention-store';
import { JobSchedulerReconciler } from '@crewtab/orchestrator/firing/job-scheduler-reconciler';
import {
  fireBeforeEdit,
  type FireReport,
  type FiringDeps,
  FiringTimer,
} from '@crewtab/orchestrator/firing/fire-due-schedules';
import { ScheduleSweeper } from '@crewtab/orchestrator/firing/schedule-sweeper';
import { LostHostDetector } from '@crewtab/orchestrator/hosts/lost-host-detector';
import { StoreClock, SystemClock } from '@crewtab/orchestrator/timing';
import { ArtifactRetention } from '@crewtab/orchestrator/retention/artifact-retention';
import { HistoryRetention } from '@crewtab/orchestrator/retention/history-retention';
import { RunEventFeed } from '@crewtab/orchestrator/run-event-feed';
import { withPoints, withStorePoints } from '@crewtab/failpoints/with-points';
import { FrameworkLogger } from '@crewtab/observability/framework-logger';
import { createMetrics, type Metrics } from '@crewtab/observability/metrics';
import { readPresets } from '@crewtab/presets/read-presets';
import { BullmqJobSchedulers, BullmqRunQueue, queueSettings } from '@crewtab/queue-bullmq/bullmq-queues';
import { openArtifactStore } from '@crewtab/artifact-store/open-artifact-store';
import { AjvResultChecker } from '@crewtab/result-schema/ajv-result-checker';
import { applyMigrations } from '@crewtab/store-prisma/database/migrate';
import { openStore, type Store } from '@crewtab/store-prisma/open-store';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { AppModule, FIRING, type SchedulerQueues } from './app.module';
import { ensureFirstKey } from './http/access/first-key';
import { configureHttp } from './http/http';
import { HTTP_DEPS, type HttpDeps, type QueueJobs } from './http/http-deps';
import { readWebFiles } from './http/web/web-files';
import { readinessChecks } from './readiness';

/** Beside this app in dist/. */
const WEB_FOLDER = join(__dirname, '../../web');

export interface RunningScheduler {
  readonly url: string;
  stop(): Promise<void>;
}

interface Firing {
  readonly timer: FiringTimer;
  readonly sweeper: ScheduleSweeper;
  readonly jobSchedulers: JobSchedulerReconciler;
  readonly deps: FiringDeps;
  readonly queue: BullmqRunQueue;
}

/** Starts the REST API and everything that fires. Several of it on one database are safe. */
export async function startScheduler(
  config: SchedulerConfig,
  version: string,
  logger: Logger,
): Promise<RunningScheduler> {
  await applyMigrations(config.database.url, { log: (line) => logger.info({}, line) });
  const opened = await openStore({
    databaseUrl: config.database.url,
    encryption: config.access.encryption,
    logger,
  });
  const store = withStorePoints(opened);
  const clock = new StoreClock(store.time, new SystemClock(), logger);
  await clock.start();
  const { byName: presets } = await readPresets(config.presets);
  const artifacts = await openArtifactStore(config.artifactPlace, (name) => store.artifacts.agreeOnFolder(name));
  const settings = queueSettings({ redisUrl: config.redis.url, prefix: config.redis.prefix, logger });
  const wire = (queues: SchedulerQueues): { http: HttpDeps; firing: Firing } => {
    for (const queue of [queues.ticks, queues.runs])
      queue.on('error', (error) => logger.debug({ error: error.message }, 'redis connection'));
    const metrics = createMetrics('scheduler');
    const firing = wireFiring(store, queues, new BullmqRunQueue(queues.runs, settings), clock, logger);
    return { http: wireHttp(config, { version, presets, artifacts }, store, queues, firing, metrics), firing };
  };
  const app = await NestFactory.create<NestExpressApplication>(AppModule.with(settings, wire), {
    bodyParser: false,
    forceCloseConnections: true,
    logger: new FrameworkLogger(logger),
  });
  const firing = app.get<Firing>(FIRING);
  configureHttp(app, app.get<HttpDeps>(HTTP_DEPS));
  await ensureFirstKey({ access: store.access, configuredKey: config.access.firstApiKey, print: printKey, logger });
  await app.listen(config.http.port, config.http.host);
  const watch = await store.fires.onScheduleChanged(() => reconcile(firing.jobSchedulers, logger));
  await firing.timer.start();
  firing.sweeper.start();
  const { metrics } = app.get<HttpDeps>(HTTP_DEPS);
  const hosts = detectLostHosts(config, version, store, firing, metrics);
  hosts.start();
  const retention = retainHistory(config, store, firing, metrics);
  retention.start();
  const artifactRetention = artifacts && retainArtifacts(config, artifacts, store, firing, metrics);
  artifactRetention?.start();
  const feed = new RunEventFeed({
    events: store.events,
    clock,
    logger,
    onEvents: (events) => events.forEach((event) => metrics.runEvent(event)),
  });
  await feed.start();
  const url = urlOf(config.http.host, app.getHttpServer().address());
  logger.info({ url, version }, 'scheduler ready');
  return {
    url,
    async stop() {
      logger.info({}, 'scheduler stops');
      watch.close();
      const loops = [firing.timer, firing.sweeper, hosts, retention, feed, clock];
      await Promise.all([...loops.map((loop) => loop.stop()), artifactRetention?.stop()]);
      await app.close();
      await firing.queue.close();
      await store.close();
    },
  };
}

function wireFiring(
  store: Store,
  { ticks }: SchedulerQueues,
  queue: BullmqRunQueue,
  clock: Clock,
  logger: Logger,
): Firing {
  const deps: FiringDeps = {
    fires: store.fires,
    runs: store.runs,
    queue: withPoints('run-queue', queue),
    jobSchedulers: withPoints('job-schedulers', new BullmqJobSchedulers(ticks)),
    clock,
    logger,
  };
  const jobSchedulers = new JobSchedulerReconciler(deps);
  const noteFired = ({ fired, skipped, missed }: FireReport): void => {
    if (fired + skipped + missed > 0) logger.info({ fired, skipped, missed }, 'fired what was due');
  };
  return {
    timer: new FiringTimer(deps, noteFired),
    sweeper: new ScheduleSweeper(deps, jobSchedulers),
    jobSchedulers,
    deps,
    queue,
  };
}

/** What deletes old history, where a setting says so. */
function retainHistory(
  { retention }: SchedulerConfig,
  { retention: history, fires }: Store,
  { deps: { clock, logger } }: Firing,
  metrics: Pick<Metrics, 'rowsDeleted'>,
): HistoryRetention {
  const onDeleted = ({ runs, messages, events }: DeletedBatch): void => {
    metrics.rowsDeleted('runs', runs);
    metrics.rowsDeleted('messages', messages);
    metrics.rowsDeleted('events', events);
  };
  return new HistoryRetention({ history, fires, clock, logger, onDeleted }, retention);
}

/** What removes the files of runs that are kept no longer. */
function retainArtifacts(
  { retention }: SchedulerConfig,
  store: ArtifactStore,
  { artifacts: index, fires }: Store,
  { deps: { clock, logger } }: Firing,
  metrics: Pick<Metrics, 'rowsDeleted'>,
): ArtifactRetention {
  const onRemoved = (): void => metrics.rowsDeleted('artifacts', 1);
  const deps = { index, store: withPoints('artifact-store', store), fires, clock, logger, onRemoved };
  return new ArtifactRetention(deps, retention.artifacts);
}

/** What watches for unresponsive hosts. */
function detectLostHosts(
  { hosts: { hostTimeoutMs } }: SchedulerConfig,
  version: string,
  store: Store,
  { sweeper, deps: { clock, logger } }: Firing,
  metrics: Pick<Metrics, 'runLost'>,
): LostHostDetector {
  const id = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
  return new LostHostDetector(
    { hosts: store.hosts, clock, logger, onLost: () => metrics.runLost() },
    { about: { id, hostname: hostname(), pid: process.pid, version }, sweeper: () => sweeper, hostTimeoutMs },
  );
}

interface Opened {
  readonly artifacts: ArtifactStore | null;
}

function wireHttp(
  config: SchedulerConfig,
  { version, presets, artifacts }: Pick<HttpDeps['settings'], 'version' | 'presets'> & Opened,
  store: Store,
  queues: SchedulerQueues,
  firing: Firing,
  metrics: Metrics,
): HttpDeps {
  metrics.watchActiveRuns(() => store.countActiveRuns());
  metrics.watchSystem(() => store.hosts.readSystem());
  const countJobs = (): Promise<QueueJobs[]> =>
    Promise.all(
      [queues.ticks, queues.runs].map(async (queue) => ({ name: queue.name, jobs: await queue.getJobCounts() })),
    );
  metrics.watchQueueDepth(async () => {
    const counts = await countJobs();
    return counts.flatMap(({ name, jobs: states }) =>
      Object.entries(states).map(([state, jobs]) => ({ queue: name, state, jobs })),
    );
  });
  return {
    teams: store.teams,
    schedules: store.schedules,
    history: store.history,
    prompts: new LiquidPromptRenderer(),
    runs: store.archive,
    access: store.access,
    sessions: store.sessions,
    secrets: store.secrets,
    overview: store.overview,
    usage: store.usage,
    idempotency: store.idempotency,
    hosts: store.hosts,
    hostImages: store.hostImages,
    runChanges: store.runs,
    events: store.events,
    countJobs,
    settingsInForce: config.inForce,
    queue: firing.deps.queue,
    logger: firing.deps.logger,
    clock: firing.deps.clock,
    time: store.time,
    artifacts: { index: store.artifacts, store: artifacts },
    resultChecker: new AjvResultChecker(),
    fireBeforeEdit: (scheduleId, isEnding) => fireBeforeEdit(firing.deps, scheduleId, isEnding),
    settings: {
      version,
      runtime: config.runtime.kind,
      onlyCommand: config.runtime.onlyCommand,
      agentPolicy: config.agentPolicy,
      presets,
      defaultTimeoutMs: config.timeouts.defaultMs,
      maxTimeoutMs: config.timeouts.maxMs,
      isBullBoardWritable: config.bullBoard.isWritable,
      isOpenNetworkAllowed: config.network.isOpenAllowed,
      sessionIdleMs: config.sessions.idleMs,
      sessionLimitMs: config.sessions.limitMs,
    },
    protection: config.protection,
    metrics,
    webFiles: readWebFiles(WEB_FOLDER),
    readiness: readinessChecks(store, queues, firing.jobSchedulers),
    bullBoardQueues: [queues.ticks, queues.runs].map(
      (queue) => new BullMQAdapter(queue, { readOnlyMode: !config.bullBoard.isWritable }),
    ),
  };
}

/** Schedules changed: bring the job schedulers in step at once instead of with the next sweep. */
function reconcile(jobSchedulers: JobSchedulerReconciler, logger: Logger): void {
  jobSchedulers
    .reconcile()
    .catch((error: unknown) =>
      logger.warn({ error: String(error) }, 'job schedulers are not in step; the sweeper tries again'),
    );
}

/** The port that was bound: PORT=0 leaves the choice to the system. */
function urlOf(host: string, address: AddressInfo | string | null): string {
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** On stderr and not in the log: it is shown once, to a person, and kept nowhere. */
function printKey(key: string): void {
  process.stderr.write(`\nThe first API key (admin). It is shown only this once:\n\n    ${key}\n\n`);
}
