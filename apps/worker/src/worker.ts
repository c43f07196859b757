import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { WorkerConfig } from '@crewtab/config/worker-config';
import type { NetworkTraffic } from '@crewtab/domain/ports/egress-proxy';
import type { Logger } from '@crewtab/domain/ports/logger';
import { fireDueSchedules, type FiringDeps } from '@crewtab/orchestrator/firing/fire-due-schedules';
import { HostPresence } from '@crewtab/orchestrator/hosts/host-presence';
import { PresetImageMaker } from '@crewtab/orchestrator/hosts/preset-image-maker';
import { RunEventFeed, type FeedDeps } from '@crewtab/orchestrator/run-event-feed';
import { KeptWorkspaceReaper } from '@crewtab/orchestrator/reaping/kept-workspaces';
import { OrphanReaper } from '@crewtab/orchestrator/reaping/orphan-reaper';
import { LiquidPromptRenderer } from '@crewtab/prompt-liquid/liquid-prompt-renderer';
import { DEFAULT_ENGINE_OPTIONS, type OrchestratorDeps } from '@crewtab/orchestrator/running/orchestrator-deps';
import { DiskWatch } from '@crewtab/orchestrator/running/disk-watch';
import { RunHolder } from '@crewtab/orchestrator/running/run-holder';
import { OneAtATime, StoreClock, SystemClock } from '@crewtab/orchestrator/timing';
import { withPoints, withStorePoints } from '@crewtab/failpoints/with-points';
import { FrameworkLogger } from '@crewtab/observability/framework-logger';
import { createMetrics } from '@crewtab/observability/metrics';
import {
  BullmqJobSchedulers,
  BullmqRunQueue,
  openQueue,
  TICKS_QUEUE,
  queueSettings,
} from '@crewtab/queue-bullmq/bullmq-queues';
import { countArtifacts, type ArtifactCounts } from '@crewtab/artifact-store/count-artifacts';
import { openArtifactStore } from '@crewtab/artifact-store/open-artifact-store';
import { AjvResultChecker } from '@crewtab/result-schema/ajv-result-checker';
import { applyMigrations } from '@crewtab/store-prisma/database/migrate';
import { openStore } from '@crewtab/store-prisma/open-store';
import { NestFactory } from '@nestjs/core';
import { AliveFile } from './alive-file';
import { MetricsServer } from './metrics-server';
import type { Host } from './open-host';
import { WorkerModule, workerProcessors } from './worker.module';

export interface RunningWorker {
  /** Hands the leases back and closes everything; containers go on. */
  stop(): Promise<void>;
}

/** Starts one worker: holds runs of its host, consumes ticks and wake-ups, reaps what is left over. */
export async function startWorker(
  config: WorkerConfig,
  { runtime, protocols, presets, images, imageEngine, workspaceKeeper, toolServer, egressProxy, gitImage }: Host,
  logger: Logger,
  version = 'unknown',
): Promise<RunningWorker> {
  await applyMigrations(config.database.url, { log: (line) => logger.info({}, line) });
  const opened = await openStore({
    databaseUrl: config.database.url,
    encryption: config.encryption,
    logger,
  });
  const store = withStorePoints(opened);
  if (images) images.writers = store.fires;
  const clock = new StoreClock(store.time, new SystemClock(), logger);
  await clock.start();
  const settings = queueSettings({ redisUrl: config.redis.url, prefix: config.redis.prefix, logger });
  const redis = BullmqRunQueue.open(settings);
  const queue = withPoints('run-queue', redis);
  const ticks = openQueue(TICKS_QUEUE, settings);
  const artifacts = await openArtifactStore(config.artifacts.place, (name) => store.artifacts.agreeOnFolder(name));
  const kept = { files: 0, bytes: 0 };
  const host = await runtime.identify();
  const engine: OrchestratorDeps = {
    store: store.runs,
    runtime,
    protocols,
    presets,
    prompts: new LiquidPromptRenderer(),
    queue,
    delegations: store.delegations,
    toolServer,
    largeLines: new OneAtATime(),
    egressProxy,
    resultChecker: new AjvResultChecker(),
    artifacts: artifacts && countArtifacts(withPoints('artifact-store', artifacts), kept),
    clock,
    logger,
    options: {
      ...DEFAULT_ENGINE_OPTIONS,
      agentPolicy: config.agentPolicy,
      handshakeTimeoutMs: config.agents.handshakeTimeoutMs,
      teamAnswerMs: config.agents.teamAnswerMs,
      stopGraceMs: config.agents.stopGraceMs,
      teardownLimitMs: config.teardownLimitMs,
      verifyTimeoutMs: config.verifyTimeoutMs,
      gitImage,
      artifactLimits: config.artifacts,
      collectLimitMs: config.artifacts.collectLimitMs,
      outputLimit: config.agents.outputLimitBytes,
      longestLineBytes: config.agents.longestLineBytes,
      messageLimit: config.messageLimit,
      stepLimitMs: DEFAULT_ENGINE_OPTIONS.stepLimitMs + config.agents.stopGraceMs + config.agents.inputTimeoutMs,
    },
  };
  const firing: FiringDeps = {
    fires: store.fires,
    runs: store.runs,
    queue,
    jobSchedulers: withPoints('job-schedulers', new BullmqJobSchedulers(ticks)),
    clock,
    logger,
  };
  const worker = {
    workerId: `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`,
    host: host.id,
    leaseMs: config.leaseMs,
  };
  const aliveFile = config.aliveFile === null ? null : new AliveFile(config.aliveFile, logger);
  const holder: RunHolder = new RunHolder(
    engine,
    worker,
    config.concurrency,
    (hasCapacity) => {
      if (isConsuming) processors.runs.setHasCapacity(hasCapacity);
    },
    () => aliveFile?.touch(),
    (): boolean => presence.mayClaim,
  );
  const disk = new DiskWatch({ store: store.runs, runtime, holder, clock, logger }, config.diskLimitBytes);
  const imageMaker =
    imageEngine &&
    new PresetImageMaker({ store: store.hostImages, engine: imageEngine, presets, clock, logger }, worker);
  const keptReaper =
    workspaceKeeper &&
    new KeptWorkspaceReaper(
      { keeper: workspaceKeeper, store: store.keptWorkspaces, clock, logger },
      host.id,
      config.keptWorkspaces,
    );
  const reaper = new OrphanReaper({ store: store.runs, runtime, toolServer, egressProxy, keptReaper, clock, logger });
  const presence: HostPresence = new HostPresence(
    { hosts: store.hosts, store: store.runs, runtime, toolServer, egressProxy, reaper, clock, logger },
    {
      worker,
      about: {
        hostname: hostname(),
        pid: process.pid,
        version,
        host: { id: host.id, runtime: runtime.kind, description: host.description },
        capacity: config.concurrency,
      },
      load: () => ({ heldRuns: holder.heldRunIds.length, adoptedRuns: holder.adoptedRuns }),
      onAdmitted: () => takeWork(),
    },
  );
  let isConsuming = false;
  const takeWork = (): void => {
    if (!isConsuming) return;
    processors.runs.setHasCapacity(holder.hasCapacity);
    holder.adoptAbandoned().catch((error: unknown) => logger.warn({ error: String(error) }, 'could not adopt runs'));
  };
  const processors = workerProcessors(
    {
      host: host.id,
      fire: () => fireDueSchedules(firing),
      take: (runId) => holder.take(runId),
      adopt: () => holder.adoptAbandoned(),
    },
    settings,
  );
  // Before anything is consumed: a worker reaps its host before it takes work, and takes no run that it does not renew.
  await presence.start();
  await holder.start();
  const app = await NestFactory.createApplicationContext(WorkerModule.with(host.id, processors, settings), {
    logger: new FrameworkLogger(logger),
  });
  for (const { worker } of [processors.ticks, processors.runs, processors.steps]) {
    worker.on('error', (error: Error) => logger.debug({ error: error.message }, 'redis connection'));
  }
  isConsuming = true;
  processors.runs.setHasCapacity(holder.hasCapacity);
  aliveFile?.touch();
  reaper.start();
  disk.start();
  imageMaker?.start();
  const metrics =
    config.metrics &&
    (await reportMetrics(config.metrics, { events: store.events, clock, logger }, egressProxy.traffic, kept));
  logger.info(
    { worker: worker.workerId, host: host.id, engine: host.description, concurrency: config.concurrency },
    'worker ready',
  );
  return {
    async stop() {
      logger.info({}, 'worker stops: handing its runs over');
      processors.runs.setHasCapacity(false);
      await metrics?.stop();
      await Promise.all([disk.stop(), imageMaker?.stop()]);
      await holder.stop();
      await reaper.stop();
      await presence.stop();
      await app.close();
      await clock.stop();
      await Promise.all([redis.close(), ticks.close(), runtime.close()]);
      await store.close();
    },
  };
}

/** Its own process in numbers, and its share of what happens to runs: see docs/operations.md. */
async function reportMetrics(
  address: NonNullable<WorkerConfig['metrics']>,
  deps: Omit<FeedDeps, 'onEvents'>,
  traffic: NetworkTraffic,
  kept: ArtifactCounts,
): Promise<{ stop(): Promise<void> }> {
  const metrics = createMetrics('worker');
  metrics.watchNetwork(() => traffic);
  metrics.watchArtifacts(() => kept);
  const server = await MetricsServer.listen(address, metrics, deps.logger);
  const feed = new RunEventFeed({ ...deps, onEvents: (events) => events.forEach((event) => metrics.runEvent(event)) });
  await feed.start();
  deps.logger.info({ host: address.host, port: server.port }, 'answering GET /metrics');
  return {
    async stop() {
      await feed.stop();
      await server.close();
    },
  };
}
