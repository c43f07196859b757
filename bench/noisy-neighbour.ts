import type { Agent } from '@crewtab/domain/teams/team';
import { DEFAULT_ENGINE_OPTIONS } from '@crewtab/orchestrator/running/orchestrator-deps';
import { RunHolder } from '@crewtab/orchestrator/running/run-holder';
import { OneAtATime, SystemClock } from '@crewtab/orchestrator/timing';
import { AcpProtocol } from '@crewtab/protocol-acp/acp-session';
import { CommandProtocol } from '@crewtab/protocol-command/command-session';
import type { FakeAgentIo, FakeProgram } from '@test/fakes/runtime/fake-agent';
import { FakeRuntime } from '@test/fakes/runtime/fake-runtime';
import { silentLogger } from '@test/fakes/silent-logger';
import type { Bench, BenchContext, Figure } from './harness/bench';
import { until } from './harness/due-instant';
import { takeTurns } from './harness/fire-lag';
import { percentile, show } from './harness/statistics';
import { BenchStore } from './harness/stored';

const ITERATIONS = 6;
/** Questions of the agent that talks: each is stored before it is answered. */
const QUESTIONS = 200;
/** Lines that the agent that floods writes at a time: far more than can be stored. */
const LINES_AT_A_TIME = 500;
const FLOOD_EVERY_MS = 5;

export const noisyNeighbour: Bench = {
  name: 'noisy-neighbour',
  about: "a run's conversation beside a run that floods its output, on one worker, over the same alone",
  needsDocker: false,
  async run(context: BenchContext): Promise<Figure[]> {
    const worker = await OneWorker.open(context);
    try {
      const [beside, alone]: [number[], number[]] = [[], []];
      const runBeside = async (): Promise<void> => void beside.push(await worker.besideFlood());
      const runAlone = async (): Promise<void> => void alone.push(await worker.talk());
      await takeTurns(1 + ITERATIONS, runBeside, runAlone);
      return [
        {
          name: 'conversation beside a flood',
          unit: 'ms',
          ours: beside.slice(1),
          base: alone.slice(1),
          at: 'p50',
          aim: { of: 'ratio', relation: '≤', limit: 1.2 },
          breakdown: [
            `${QUESTIONS} questions; meanwhile ${show(percentile(worker.flooded, 'p50'))} messages of the other run were stored`,
          ],
        },
      ];
    } finally {
      await worker.close();
    }
  },
};

/** What drives runs, with the real store, on an in-memory runtime. */
class OneWorker {
  /** Messages that were stored of each run that flooded. */
  readonly flooded: number[] = [];
  private talkedMs: number | null = null;

  private constructor(
    private readonly stored: BenchStore,
    private readonly scheduleIds: Readonly<Record<'talk' | 'flood', string>>,
    private readonly holder: { current: RunHolder | null } = { current: null },
  ) {}

  static async open(context: BenchContext): Promise<OneWorker> {
    const agents: Agent[] = [{ name: 'lead', role: 'leader', protocol: 'acp', image: 'in/memory' }];
    const stored = await BenchStore.create(context, agents);
    const add = async (prompt: string): Promise<string> => {
      const [id = ''] = await stored.addSchedules({ count: 1, prompt, nextFireAt: null });
      return id;
    };
    const worker = new OneWorker(stored, { talk: await add('talk'), flood: await add('flood') });
    const clock = new SystemClock();
    const holder = new RunHolder(
      {
        store: stored.store.runs,
        runtime: new FakeRuntime({ programFor: () => worker.agent() }),
        protocols: { acp: new AcpProtocol(), command: new CommandProtocol() },
        queue: { offerRuns: () => Promise.resolve(), wakeHost: () => Promise.resolve() },
        delegations: stored.store.delegations,
        toolServer: null,
        egressProxy: null,
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
    await until('the conversation is over', () => this.talkedMs !== null);
    await this.untilFinished(runId);
    return this.talkedMs ?? 0;
  }

  async besideFlood(): Promise<number> {
    const flood = await this.begin('flood');
    await until('the flood is stored', async () => (await this.messagesOf(flood)) > 2_000);
    const from = await this.messagesOf(flood);
    const ms = await this.talk();
    this.flooded.push((await this.messagesOf(flood)) - from);
    await this.stored.store.archive.requestCancel(this.stored.organizationId, flood);
    await this.untilFinished(flood);
    return ms;
  }

  async close(): Promise<void> {
    await this.holder.current?.stop();
    await this.stored.dispose();
  }

  private async begin(what: 'talk' | 'flood'): Promise<string> {
    const run = await this.stored.store.archive.createManualRun(this.stored.organizationId, this.scheduleIds[what]);
    if (!run) throw new Error('no run was made');
    await this.holder.current?.take(run.id);
    return run.id;
  }

  private async messagesOf(runId: string): Promise<number> {
    const [row] = await this.stored.sql<{ count: number }>(
      'SELECT last_seq AS count FROM schedule_runs WHERE id = $1',
      [runId],
    );
    return row?.count ?? 0;
  }

  private async untilFinished(runId: string): Promise<void> {
    const finished = `SELECT phase = 'finished' AS is FROM schedule_runs WHERE id = $1`;
    await until(
      'the run is finished',
      async () => (await this.stored.sql<{ is: boolean }>(finished, [runId]))[0]?.is === true,
    );
  }

  /** Talks or floods, as its prompt says. */
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
    const flood = (io: FakeAgentIo): void => {
      for (let line = 0; line < LINES_AT_A_TIME; line++) io.emit('{"level":"info","msg":"here I am once more"}');
      io.after(FLOOD_EVERY_MS, () => flood(io));
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
          if (params?.prompt?.some(({ text }) => text === 'flood')) flood(io);
          else ask(io);
        } else if (method === undefined && asked < QUESTIONS) ask(io);
        else if (method === undefined) {
          this.talkedMs = performance.now() - startedAt;
          say(io, { id: turn, result: { stopReason: 'end_turn' } });
        }
      },
    };
  }
}
