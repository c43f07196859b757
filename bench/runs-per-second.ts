import { randomBytes } from 'node:crypto';
import { DEFAULT_JSON_LIMITS, LONGEST_LINE_BYTES } from '@crewtab/domain/runs/output-limits';
import { NO_POLICY } from '@crewtab/domain/teams/agent-policy';
import type { Agent } from '@crewtab/domain/teams/team';
import { BullmqRunQueue, queueSettings } from '@crewtab/queue-bullmq/bullmq-queues';
import { AcpProtocol } from '@crewtab/protocol-acp/acp-session';
import { CommandProtocol } from '@crewtab/protocol-command/command-session';
import type { FakeProgram } from '@test/fakes/runtime/fake-agent';
import { FakeRuntime } from '@test/fakes/runtime/fake-runtime';
import { FakeEgressProxy } from '@test/fakes/runtime/fake-egress-proxy';
import { FakeToolServer } from '@test/fakes/runtime/fake-tool-server';
import { silentLogger } from '@test/fakes/silent-logger';
import { Queue, Worker } from 'bullmq';
import { startWorker, type RunningWorker } from '../apps/worker/src/worker';
import type { Bench, BenchContext, Figure } from './harness/bench';
import { inChunks, until } from './harness/due-instant';
import { takeTurns } from './harness/fire-lag';
import { percentile, show } from './harness/statistics';
import { BenchStore, ENCRYPTION_KEY } from './harness/stored';

const NO_CLUSTER = {
  kubeconfig: null,
  namespace: null,
  isUnenforcedNetworkAllowed: false,
  placement: {
    imagePullSecrets: [],
    runtimeClassName: null,
    nodeSelector: {},
    tolerations: [],
    keeperImage: null,
    template: null,
  },
};

const ITERATIONS = 4;
const RUNS = 200;
const BARE_JOBS = 3_000;
/** WORKER_CONCURRENCY's default, and the bare worker's as well. */
const CONCURRENCY = 10;

export const runsPerSecond: Bench = {
  name: 'runs-per-second',
  about: 'runs per second, in-memory runtime and the full row life cycle, over bare BullMQ no-op jobs',
  needsDocker: false,
  async run(context: BenchContext): Promise<Figure[]> {
    const ours = await OurWorker.open(context);
    const base = new BareJobs(context);
    try {
      const [runs, jobs]: [number[], number[]] = [[], []];
      const runOurs = async (): Promise<void> => void runs.push(await ours.iterate());
      const runBase = async (): Promise<void> => void jobs.push(await base.iterate());
      await takeTurns(1 + ITERATIONS, runOurs, runBase);
      const msPerRun = show(1_000 / percentile(runs.slice(1), 'p50'));
      return [
        {
          name: 'runs per second over no-op jobs',
          unit: '1/s',
          ours: runs.slice(1),
          base: jobs.slice(1),
          at: 'p50',
          aim: { of: 'ratio', relation: '≥', limit: 0.05 },
          breakdown: [
            `${msPerRun} ms of wall time per run with ${CONCURRENCY} at once; ${await ours.commitsPerRun()} commits per run,`,
            `each on the disk before the next step; run-overhead shows the store's methods one by one`,
          ],
        },
      ];
    } finally {
      await Promise.all([ours.close(), base.close()]);
    }
  },
};

/** A whole worker app in this process, on an in-memory runtime whose agent answers at once. */
class OurWorker {
  private constructor(
    private readonly stored: BenchStore,
    private readonly queue: BullmqRunQueue,
    private readonly worker: RunningWorker,
    private readonly scheduleId: string,
  ) {}

  static async open({ redisUrl, ...context }: BenchContext): Promise<OurWorker> {
    const agents: Agent[] = [{ name: 'lead', role: 'leader', protocol: 'acp', image: 'in/memory' }];
    const stored = await BenchStore.create({ redisUrl, ...context }, agents);
    const [scheduleId = ''] = await stored.addSchedules({ count: 1, prompt: 'answer hi', nextFireAt: null });
    const config = {
      database: { url: stored.url },
      redis: { url: redisUrl, prefix: 'crewtab' },
      encryption: { current: ENCRYPTION_KEY, former: null },
      diskLimitBytes: 1e12,
      keptWorkspaces: { bytes: 1e12, ageMs: 1e12 },
      runtime: { kind: 'docker', dockerHost: '', kubernetes: NO_CLUSTER, dataDir: '', onlyCommand: null },
      agents: {
        handshakeTimeoutMs: 60_000,
        stopGraceMs: 5_000,
        inputTimeoutMs: 60_000,
        teamAnswerMs: 240_000,
        outputLimitBytes: 1_000_000,
        isRootWritable: false,
        tmpBytes: 64 * 1024 * 1024,
        workspaceBytes: null,
        longestLineBytes: LONGEST_LINE_BYTES,
        jsonLimits: DEFAULT_JSON_LIMITS,
      },
      messageLimit: 1_000,
      agentPolicy: NO_POLICY,
      teardownLimitMs: 60_000,
      verifyTimeoutMs: 600_000,
      artifacts: { place: null, fileBytes: 0, bytes: 0, count: 0, collectLimitMs: 0 },
      leaseMs: 10_000,
      concurrency: CONCURRENCY,
      hostName: null,
      network: {
        allowedCidrs: [],
        upstreamProxy: null,
        limits: { connections: 1, bytes: 1, connectionsPerSecond: 1, bytesPerSecond: 1 },
      },
      aliveFile: null,
      metrics: null,
      presets: { folder: null, images: {}, buildArgs: {} },
      images: { pullPolicy: 'missing', credentials: {}, keepFormerMs: null },
      gitImage: null,
      searchPath: '',
      failpoint: null,
      log: { level: 'info' },
    } as const;
    const workplace = {
      runtime: new FakeRuntime({ programFor: () => answeringAgent() }),
      protocols: { acp: new AcpProtocol(), command: new CommandProtocol() },
      presets: new Map(),
      images: null,
      imageEngine: null,
      workspaceKeeper: null,
      toolServer: new FakeToolServer(),
      egressProxy: new FakeEgressProxy(),
      gitImage: '',
    };
    const worker = await startWorker(config, workplace, silentLogger);
    const queue = BullmqRunQueue.open(queueSettings({ redisUrl, logger: silentLogger }));
    return new OurWorker(stored, queue, worker, scheduleId);
  }

  /** @returns runs per second, from the offer of the first to the finished row of the last */
  async iterate(): Promise<number> {
    const { store, organizationId } = this.stored;
    const runIds: string[] = [];
    await inChunks(Array.from({ length: RUNS }), async () => {
      const run = await store.archive.createManualRun(organizationId, this.scheduleId);
      if (run) runIds.push(run.id);
    });
    const [start] = await this.stored.sql<{ at: Date }>('SELECT clock_timestamp() AS at');
    await this.queue.offerRuns(runIds);
    const unfinished = `SELECT count(*)::int AS runs FROM schedule_runs WHERE phase <> 'finished'`;
    await until('all runs finished', async () => (await this.stored.sql<{ runs: number }>(unfinished))[0]?.runs === 0);
    const ended = `SELECT max(teardown_verified_at) AS at, count(*) FILTER (WHERE status <> 'success')::int AS bad
      FROM schedule_runs WHERE id = ANY($1)`;
    const [end] = await this.stored.sql<{ at: Date; bad: number }>(ended, [runIds]);
    if (!start || !end || end.bad > 0) throw new Error(`${end?.bad} runs were no success`);
    return (RUNS * 1_000) / (end.at.getTime() - start.at.getTime());
  }

  /** Of all iterations so far, the making of the rows and the waiting for them included. */
  async commitsPerRun(): Promise<string> {
    const [row] = await this.stored.sql<{ perRun: number }>(
      `SELECT (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database())::float8
         / (SELECT count(*) FROM schedule_runs) AS "perRun"`,
    );
    return show(row?.perRun ?? 0);
  }

  async close(): Promise<void> {
    await this.worker.stop();
    await this.queue.close();
    await this.stored.dispose();
  }
}

/** Shakes hands and answers every prompt, all at once. */
function answeringAgent(): FakeProgram {
  return {
    onLine(line, io) {
      const { id, method } = JSON.parse(line) as { id: string; method: string };
      const reply = (message: object): void => io.emit(JSON.stringify({ jsonrpc: '2.0', ...message }));
      if (method === 'initialize') reply({ id, result: { protocolVersion: 1, agentCapabilities: {} } });
      if (method === 'session/new') reply({ id, result: { sessionId: 'bench' } });
      if (method !== 'session/prompt') return;
      const update = { sessionUpdate: 'agent_message_chunk', content: { type: 'text', text: 'hi' } };
      reply({ method: 'session/update', params: { sessionId: 'bench', update } });
      reply({ id, result: { stopReason: 'end_turn' } });
    },
  };
}

class BareJobs {
  private readonly queue: Queue;
  private readonly worker: Worker;
  private done = 0;

  constructor({ redisUrl }: BenchContext) {
    const connection = { url: redisUrl, maxRetriesPerRequest: null };
    const options = { connection, prefix: `bare-${randomBytes(3).toString('hex')}` };
    this.queue = new Queue('noop', options);
    this.worker = new Worker('noop', () => Promise.resolve(), { ...options, concurrency: CONCURRENCY });
    this.worker.on('completed', () => this.done++);
  }

  /** @returns jobs per second, from the offer of the first to the completion of the last */
  async iterate(): Promise<number> {
    this.done = 0;
    const jobs = Array.from({ length: BARE_JOBS }, () => ({
      name: 'noop',
      data: {},
      opts: { removeOnComplete: true },
    }));
    const startedAt = performance.now();
    await this.queue.addBulk(jobs);
    await until('all bare jobs done', () => this.done >= BARE_JOBS);
    return (BARE_JOBS * 1_000) / (performance.now() - startedAt);
  }

  async close(): Promise<void> {
    await this.worker.close();
    await this.queue.obliterate({ force: true });
    await this.queue.close();
  }
}
