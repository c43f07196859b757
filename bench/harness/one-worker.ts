import type { EgressProxy } from '@crewtab/domain/ports/egress-proxy';
import type { Agent } from '@crewtab/domain/teams/team';
import { DEFAULT_ENGINE_OPTIONS } from '@crewtab/orchestrator/running/orchestrator-deps';
import { RunHolder } from '@crewtab/orchestrator/running/run-holder';
import { OneAtATime, SystemClock } from '@crewtab/orchestrator/timing';
import { AcpProtocol } from '@crewtab/protocol-acp/acp-session';
import { LiquidPromptRenderer } from '@crewtab/prompt-liquid/liquid-prompt-renderer';
import { CommandProtocol } from '@crewtab/protocol-command/command-session';
import { AjvResultChecker } from '@crewtab/result-schema/ajv-result-checker';
import type { FakeAgentIo, FakeProgram } from '@test/fakes/runtime/fake-agent';
import { FakeRuntime } from '@test/fakes/runtime/fake-runtime';
import { silentLogger } from '@test/fakes/silent-logger';
import type { BenchContext } from './bench';
import { until } from './due-instant';
import { BenchStore } from './stored';

/** A conversation waits for the disk at each of its questions. */
const TALK_LIMIT_MS = 300_000;

export interface NeighbourOptions {
  /** Of the agent that talks: each is stored before it is answered. */
  readonly questions: number;
  /** Hosts that the neighbour may reach; none without a proxy. */
  readonly hosts?: readonly string[];
  readonly egressProxy?: EgressProxy;
  /** What the neighbour does from its prompt on, until its container is removed. */
  readonly disturb: (io: FakeAgentIo) => void;
}

/** What drives runs, with the real store, on an in-memory runtime: for a run that talks, and one that disturbs it. */
export class OneWorker {
  private talkedMs: number | null = null;

  private constructor(
    private readonly stored: BenchStore,
    private readonly scheduleIds: Readonly<Record<'talk' | 'disturb', string>>,
    private readonly options: NeighbourOptions,
    private readonly holder: { current: RunHolder | null } = { current: null },
  ) {}

  static async open(context: BenchContext, options: NeighbourOptions): Promise<OneWorker> {
    const { hosts = [], egressProxy = null } = options;
    const agents: Agent[] = [{ name: 'lead', role: 'leader', protocol: 'acp', image: 'in/memory' }];
    const stored = await BenchStore.create(context, agents, hosts);
    const add = async (prompt: string): Promise<string> => {
      const [id = ''] = await stored.addSchedules({ count: 1, prompt, nextFireAt: null });
      return id;
    };
    const worker = new OneWorker(stored, { talk: await add('talk'), disturb: await add('disturb') }, options);
    const clock = new SystemClock();
    const holder = new RunHolder(
      {
        store: stored.store.runs,
        runtime: new FakeRuntime({ programFor: () => worker.agent() }),
        protocols: { acp: new AcpProtocol(), command: new CommandProtocol() },
        queue: { offerRuns: () => Promise.resolve(), wakeHost: () => Promise.resolve() },
        delegations: stored.store.delegations,
        toolServer: null,
        egressProxy,
        resultChecker: new AjvResultChecker(),
        artifacts: null,
        presets: new Map(),
        prompts: new LiquidPromptRenderer(),
        largeLines: new OneAtATime(),
        clock,
        logger: silentLogger,
        options: { ...DEFAULT_ENGINE_OPTIONS, messageLimit: Infinity, outputLimit: Infinity, stopGraceMs: 0 },
      },
      { workerId: 'bench', host: 'fake-host' },
      10,
    );
    await holder.start();
    worker.holder.current = holder;
    return worker;
  }

  /** @returns ms from the first question to the last answer */
  async talk(): Promise<number> {
    this.talkedMs = null;
    const runId = await this.begin('talk');
    await until('the conversation is over', () => this.talkedMs !== null, TALK_LIMIT_MS);
    await this.untilFinished(runId);
    return this.talkedMs ?? 0;
  }

  /** Lets the neighbour begin. @returns its run */
  async beginNeighbour(): Promise<string> {
    return this.begin('disturb');
  }

  async endNeighbour(runId: string): Promise<void> {
    await this.stored.store.archive.requestCancel(this.stored.organizationId, runId);
    await this.untilFinished(runId);
  }

  async messagesOf(runId: string): Promise<number> {
    const [row] = await this.stored.sql<{ count: number }>(
      'SELECT last_seq AS count FROM schedule_runs WHERE id = $1',
      [runId],
    );
    return row?.count ?? 0;
  }

  async close(): Promise<void> {
    await this.holder.current?.stop();
    await this.stored.dispose();
  }

  private async begin(what: 'talk' | 'disturb'): Promise<string> {
    const run = await this.stored.store.archive.createManualRun(this.stored.organizationId, this.scheduleIds[what]);
    if (!run) throw new Error('no run was made');
    await this.holder.current?.take(run.id);
    return run.id;
  }

  private async untilFinished(runId: string): Promise<void> {
    const finished = `SELECT phase = 'finished' AS is FROM schedule_runs WHERE id = $1`;
    await until(
      'the run is finished',
      async () => (await this.stored.sql<{ is: boolean }>(finished, [runId]))[0]?.is === true,
    );
  }

  /** Talks or disturbs, as its prompt says. */
  private agent(): FakeProgram {
    let turn = '';
    let startedAt = 0;
    let asked = 0;
    const say = (io: FakeAgentIo, message: object): void => io.emit(JSON.stringify({ jsonrpc: '2.0', ...message }));
    const ask = (io: FakeAgentIo): void => {
      asked += 1;
      const params = {
        sessionId: 's',
        toolCall: { toolCallId: `${asked}` },
        options: [{ optionId: 'yes', kind: 'allow_once' }],
      };
      say(io, { id: `question ${asked}`, method: 'session/request_permission', params });
    };
    return {
      onLine: (line, io) => {
        const { id, method, params } = JSON.parse(line) as {
          id?: string;
          method?: string;
          params?: { prompt?: { text: string }[] };
        };
        if (method === 'initialize') say(io, { id, result: { protocolVersion: 1 } });
        else if (method === 'session/new') say(io, { id, result: { sessionId: 's' } });
        else if (method === 'session/prompt') {
          turn = id ?? '';
          startedAt = performance.now();
          if (params?.prompt?.some(({ text }) => text === 'disturb')) this.options.disturb(io);
          else ask(io);
        } else if (method === undefined && asked < this.options.questions) ask(io);
        else if (method === undefined) {
          this.talkedMs = performance.now() - startedAt;
          say(io, { id: turn, result: { stopReason: 'end_turn' } });
        }
      },
    };
  }
}
