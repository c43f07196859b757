import { FakePromptRenderer } from '@test/fakes/fake-prompt-renderer';
import type { AgentProtocol } from '@crewtab/domain/ports/agent-protocol';
import type { RunQueue } from '@crewtab/domain/ports/run-queue';
import type { ProgramSpec } from '@crewtab/domain/ports/runtime';
import type { WorkerIdentity } from '@crewtab/domain/ports/run-store';
import { FakeClock, settle } from '@test/fakes/fake-clock';
import { LineProtocol } from '@test/fakes/protocol/line-protocol';
import { RecordingLogger } from '@test/fakes/recording-logger';
import type { FakeProgram } from '@test/fakes/runtime/fake-agent';
import { FakeEgressProxy } from '@test/fakes/runtime/fake-egress-proxy';
import { FakeResultChecker } from '@test/fakes/runtime/fake-result-checker';
import { FakeToolServer } from '@test/fakes/runtime/fake-tool-server';
import { FakeEngine, type FakeFile } from '@test/fakes/runtime/fake-engine';
import { FakeRuntime } from '@test/fakes/runtime/fake-runtime';
import { InMemoryArtifactStore } from '@test/fakes/stores/in-memory-artifact-store';
import { InMemoryDelegationStore } from '@test/fakes/stores/in-memory-delegation-store';
import { InMemoryRunStore } from '@test/fakes/stores/in-memory-run-store';
import { DEFAULT_ENGINE_OPTIONS, type OrchestratorDeps, type OrchestratorOptions } from './orchestrator-deps';
import { OneAtATime } from '../timing';
import { RunHolder } from './run-holder';

export class RecordingQueue implements RunQueue {
  readonly offered: string[] = [];
  readonly woken: string[] = [];

  offerRuns(runIds: readonly string[]): Promise<void> {
    this.offered.push(...runIds);
    return Promise.resolve();
  }

  wakeHost(_host: string, runIds: readonly string[]): Promise<void> {
    this.woken.push(...runIds);
    return Promise.resolve();
  }
}

/** A world for the engine: one database and one host, and as many workers as a test starts. */
export class World {
  readonly clock = new FakeClock();
  readonly store = new InMemoryRunStore(this.clock);
  readonly engine: FakeEngine;
  /** Workspaces, as `FakeEngine` has them. */
  readonly files = new Map<string, FakeFile>();
  readonly queue = new RecordingQueue();
  readonly delegations = new InMemoryDelegationStore(this.store);
  readonly toolServer = new FakeToolServer();
  readonly egressProxy = new FakeEgressProxy();
  readonly prompts = new FakePromptRenderer();
  readonly resultChecker = new FakeResultChecker();
  readonly artifacts = new InMemoryArtifactStore();
  readonly logger = new RecordingLogger();
  /** Every turn that reached an agent, in order: the count of prompts at the agent. */
  readonly turnsSeen: string[] = [];
  private workers = 0;

  constructor(
    programs: Readonly<Record<string, FakeProgram>> = {},
    private readonly options: Partial<OrchestratorOptions> = {},
    private readonly protocol: AgentProtocol = new LineProtocol(),
  ) {
    this.engine = new FakeEngine({
      clock: this.clock,
      programFor: (agent) => this.watched(programs[agent.name] ?? obedient()),
      files: this.files,
    });
  }

  /** A worker of this host with its own connection to engine and database. */
  worker(
    capacity = 10,
    onRenewed?: () => void,
    leaseMs?: number,
    mayClaim?: () => boolean,
  ): { holder: RunHolder; runtime: FakeRuntime; identity: WorkerIdentity; reportedCapacity: boolean[] } {
    const reportedCapacity: boolean[] = [];
    const runtime = new FakeRuntime(this.engine);
    const { protocol } = this;
    const deps: OrchestratorDeps = {
      store: this.store,
      runtime,
      protocols: { acp: protocol, command: protocol },
      queue: this.queue,
      delegations: this.delegations,
      toolServer: this.toolServer,
      presets: new Map(),
      prompts: this.prompts,
      largeLines: new OneAtATime(),
      egressProxy: this.egressProxy,
      resultChecker: this.resultChecker,
      artifacts: this.artifacts,
      clock: this.clock,
      logger: this.logger,
      options: { ...DEFAULT_ENGINE_OPTIONS, ...this.options },
    };
    const identity = { workerId: `worker-${++this.workers}`, host: 'fake-host', ...(leaseMs && { leaseMs }) };
    const reportCapacity = (hasCapacity: boolean): void => void reportedCapacity.push(hasCapacity);
    const holder = new RunHolder(deps, identity, capacity, reportCapacity, onRenewed, mayClaim);
    return { holder, runtime, identity, reportedCapacity };
  }

  /** Lets everything that needs no time happen, until `isTrue`; fails when it does not become true. */
  async until(isTrue: () => boolean): Promise<void> {
    for (let turn = 0; turn < 500; turn++) {
      if (isTrue()) return;
      await settle();
    }
    throw new Error(`it did not happen; last log lines: ${JSON.stringify(this.logger.entries.slice(-5))}`);
  }

  /** The same while time goes on, in steps, for at most `withinMs`. */
  async eventually(isTrue: () => boolean, withinMs = 120_000): Promise<void> {
    for (let passedMs = 0; passedMs <= withinMs; passedMs += 50) {
      if (isTrue()) return;
      await this.clock.advance(50);
      await settle();
    }
    throw new Error(`it did not happen; last log lines: ${JSON.stringify(this.logger.entries.slice(-8))}`);
  }

  private watched(program: FakeProgram): FakeProgram {
    return {
      ...program,
      onLine: (line, io) => {
        if (line.startsWith('turn ')) this.turnsSeen.push(line);
        program.onLine?.(line, io);
      },
    };
  }
}

/** The programs that a runtime is told to run beside its agents, in order. */
export function programsOf(runtime: FakeRuntime): readonly ProgramSpec[] {
  const programs: ProgramSpec[] = [];
  const run = runtime.runProgram.bind(runtime);
  runtime.runProgram = (deployment, program, signal) => {
    programs.push(program);
    return run(deployment, program, signal);
  };
  return programs;
}

/** Says it is ready, answers every turn with "well done". */
export function obedient(onTurn?: FakeProgram['onLine']): FakeProgram {
  return {
    onLine: (line, io) => {
      if (line === 'hello') io.emit('ready');
      if (!line.startsWith('turn ')) return;
      if (onTurn) return onTurn(line, io);
      io.emit('say working');
      io.emit(`done ${line.split(' ')[1] ?? ''} well done`);
    },
  };
}
