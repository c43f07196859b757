import type { RunStore } from '@crewtab/domain/ports/run-store';
import type { AgentChannel, OutputLine, Runtime } from '@crewtab/domain/ports/runtime';
import type { Run } from '@crewtab/domain/runs/run';
import type { Agent } from '@crewtab/domain/teams/team';
import { DEFAULT_ENGINE_OPTIONS, type OrchestratorDeps } from '@crewtab/orchestrator/running/orchestrator-deps';
import { RunHolder } from '@crewtab/orchestrator/running/run-holder';
import { OneAtATime, SystemClock } from '@crewtab/orchestrator/timing';
import { AcpProtocol } from '@crewtab/protocol-acp/acp-session';
import { LiquidPromptRenderer } from '@crewtab/prompt-liquid/liquid-prompt-renderer';
import { CommandProtocol } from '@crewtab/protocol-command/command-session';
import { BullmqRunQueue, queueSettings } from '@crewtab/queue-bullmq/bullmq-queues';
import { AjvResultChecker } from '@crewtab/result-schema/ajv-result-checker';
import { DockerRuntime } from '@crewtab/runtime-docker/docker-runtime';
import { silentLogger } from '@test/fakes/silent-logger';
import type { BenchContext } from './bench';
import type { EngineTrace, Span } from './engine-trace';
import { rememberInstallation } from './leftovers';
import { BenchStore } from './stored';

/** Times of one run by `performance.now()`, ms. */
export interface MeasuredRun {
  readonly begunAt: number;
  /** Every agent has answered the handshake and the permit for the prompt is asked for. */
  readonly readyAt: number;
  /** The row is finished: the engine was asked and found clean, and that is committed. */
  readonly finishedAt: number;
  /** Every call to the store, by method. */
  readonly storeCalls: readonly Span[];
}

/** The whole path of the product from a worker's claim to a finished row, in this process: real store, runtime, protocol. */
export class OurRuns {
  private storeCalls: Span[] = [];
  private readyAt = 0;
  private finished: ((run: Run) => void) | null = null;
  private readonly queue: BullmqRunQueue;
  private readonly runtime: DockerRuntime;
  private readonly holder: RunHolder;
  private scheduleId = '';

  private constructor(
    private readonly stored: BenchStore,
    context: BenchContext,
    trace: EngineTrace,
    hostId: string,
  ) {
    this.queue = BullmqRunQueue.open(
      queueSettings({ redisUrl: context.redisUrl, prefix: 'bench-runs', logger: silentLogger }),
    );
    this.runtime = new DockerRuntime({ dockerHost: context.dockerHost });
    const deps: OrchestratorDeps = {
      store: this.observeStore(stored.store.runs),
      runtime: watchAgents(this.runtime, trace),
      protocols: { acp: new AcpProtocol(), command: new CommandProtocol() },
      queue: this.queue,
      delegations: stored.store.delegations,
      toolServer: null,
      presets: new Map(),
      prompts: new LiquidPromptRenderer(),
      largeLines: new OneAtATime(),
      egressProxy: null,
      resultChecker: new AjvResultChecker(),
      artifacts: null,
      clock: new SystemClock(),
      logger: silentLogger,
      options: DEFAULT_ENGINE_OPTIONS,
    };
    this.holder = new RunHolder(deps, { workerId: 'bench', host: hostId }, 10);
  }

  static async open(context: BenchContext, agents: readonly Agent[], trace: EngineTrace): Promise<OurRuns> {
    const stored = await BenchStore.create(context, agents);
    const probe = new DockerRuntime({ dockerHost: context.dockerHost });
    const { id } = await probe.identify();
    await probe.close();
    const runs = new OurRuns(stored, context, trace, id);
    const [scheduleId = ''] = await stored.addSchedules({ count: 1, prompt: 'answer hi', nextFireAt: null });
    runs.scheduleId = scheduleId;
    rememberInstallation(await stored.store.runs.installationId());
    await runs.holder.start();
    return runs;
  }

  /** One run to its end. @throws Error when it was no success */
  async run(): Promise<MeasuredRun> {
    const queued = await this.stored.store.archive.createManualRun(this.stored.organizationId, this.scheduleId);
    if (!queued) throw new Error('no run was made');
    this.storeCalls = [];
    const ending = new Promise<Run>((resolve) => (this.finished = resolve));
    const begunAt = performance.now();
    await this.holder.take(queued.id);
    const run = await ending;
    const finishedAt = performance.now();
    if (run.status !== 'success') throw new Error(`the run ended as ${run.status}: ${run.outcome?.error?.message}`);
    return { begunAt, readyAt: this.readyAt, finishedAt, storeCalls: this.storeCalls };
  }

  async close(): Promise<void> {
    await this.holder.stop();
    await this.runtime.close();
    await this.queue.close();
    await this.stored.dispose();
  }

  private observeStore(store: RunStore): RunStore {
    return new Proxy(store, {
      get: (target, key: keyof RunStore) => {
        const method = target[key].bind(target) as (...args: unknown[]) => Promise<unknown>;
        return async (...args: unknown[]) => {
          const from = performance.now();
          if (key === 'permitPrompt') this.readyAt = from;
          const result = await method(...args);
          this.storeCalls.push({ what: key, from, to: performance.now() });
          if (key === 'finish') this.finished?.((result as { run: Run }).run);
          return result;
        };
      },
    });
  }
}

/** Notes the times in which an agent owes an answer: they are the agent's, not ours. */
function watchAgents(runtime: Runtime, trace: EngineTrace): Runtime {
  return new Proxy(runtime, {
    get(target, key: keyof Runtime) {
      if (key === 'kind') return target.kind;
      if (key === 'open') return async (handle: string) => watchChannel(await target.open(handle), trace);
      return target[key].bind(target);
    },
  });
}

function watchChannel(channel: AgentChannel, trace: EngineTrace): AgentChannel {
  let owesSince: number | null = null;
  async function* read(): AsyncGenerator<OutputLine> {
    for await (const line of channel.output) {
      if (owesSince !== null && isAnswer(line)) {
        trace.add({ what: 'agent', from: owesSince, to: performance.now() });
        owesSince = null;
      }
      yield line;
    }
  }
  return {
    output: { [Symbol.asyncIterator]: read },
    write: async (data) => {
      await channel.write(data);
      owesSince = performance.now();
    },
    endInput: () => channel.endInput(),
    close: () => channel.close(),
  };
}

function isAnswer({ text }: OutputLine): boolean {
  return text.includes('"result"');
}
