import type { Clock } from '@crewtab/domain/ports/clock';
import type {
  AgentSpec,
  DeploymentSpec,
  EndedAgent,
  FoundFile,
  RunResources,
  WorkspaceFile,
} from '@crewtab/domain/ports/runtime';
import { FakeAgent, type FakeProgram } from './fake-agent';

type FakeKind = 'container' | 'network' | 'volume';

export interface FakeShared {
  readonly kind: Exclude<FakeKind, 'container'>;
  readonly name: string;
  readonly installationId: string;
  readonly runId: string;
  readonly createdAt: Date;
}

/** A file of a run's workspace. */
export type FakeFile = Pick<WorkspaceFile, 'content' | 'mode'> & {
  /** Default: a regular file. */
  readonly kind?: FoundFile['kind'];
  /** Default: this very moment. */
  readonly changedAt?: Date;
};

export interface FakeEngineOptions {
  readonly clock?: Clock;
  /** Where programs find the workspaces too. */
  readonly files?: Map<string, FakeFile>;
  /** The program behind each agent; default: one that runs until it is stopped. */
  readonly programFor?: (agent: AgentSpec, deployment: DeploymentSpec) => FakeProgram;
}

/** The container engine that fake runtimes talk to: it lives on when a runtime is closed, as an engine does. */
export class FakeEngine {
  readonly agents: FakeAgent[] = [];
  readonly shared: FakeShared[] = [];
  /** By run: see `Runtime.measureDisk`. */
  readonly diskBytes = new Map<string, number>();
  /** Workspaces, by `<run>/<path>`. */
  readonly files: Map<string, FakeFile>;
  /** Images that cannot be found or pulled. */
  readonly missingImages = new Set<string>();
  /** Names that resist removal, with the number of teardowns that they still survive. */
  readonly resisting = new Map<string, number>();
  readonly clock: Clock;
  private readonly programFor: NonNullable<FakeEngineOptions['programFor']>;
  private readonly exitListeners = new Set<(installationId: string, ended: EndedAgent) => void>();
  private nextHandle = 1;

  constructor(options: FakeEngineOptions = {}) {
    this.clock = options.clock ?? realClock;
    this.files = options.files ?? new Map();
    this.programFor = options.programFor ?? (() => ({}));
  }

  /** The container of that name (`<deployment>-<agent>`), or null. */
  byName(containerName: string): FakeAgent | null {
    return this.agents.find((agent) => agent.containerName === containerName) ?? null;
  }

  byHandle(handle: string): FakeAgent | null {
    return this.agents.find((agent) => agent.handle === handle) ?? null;
  }

  createAgent(deployment: DeploymentSpec, agent: AgentSpec): FakeAgent {
    const made = new FakeAgent(
      `fake-${this.nextHandle++}`,
      `${deployment.name}-${agent.name}`,
      deployment,
      agent,
      this.clock.now(),
      this.programFor(agent, deployment),
      this.clock,
      (ended) => this.tellExit(ended),
    );
    this.agents.push(made);
    return made;
  }

  createShared(kind: FakeShared['kind'], name: string, deployment: DeploymentSpec): void {
    if (this.shared.some((other) => other.kind === kind && other.name === name)) return;
    const { installationId, runId } = deployment;
    this.shared.push({ kind, name, installationId, runId, createdAt: this.clock.now() });
  }

  /** As a person would by `docker rm -f`. */
  vanish(agent: FakeAgent): void {
    takeOut(this.agents, agent);
    agent.vanish();
  }

  remove(resource: FakeAgent | FakeShared): void {
    if (resource instanceof FakeAgent) {
      this.vanish(resource);
      return;
    }
    takeOut(this.shared, resource);
    if (resource.kind !== 'volume') return;
    this.diskBytes.delete(resource.runId);
    for (const path of this.files.keys()) if (path.startsWith(`${resource.runId}/`)) this.files.delete(path);
  }

  /** True where the resource survives this attempt; counts the attempt. */
  resists(name: string): boolean {
    const left = this.resisting.get(name) ?? 0;
    if (left > 0) this.resisting.set(name, left - 1);
    return left > 0;
  }

  onExit(listener: (installationId: string, ended: EndedAgent) => void): () => void {
    this.exitListeners.add(listener);
    return () => void this.exitListeners.delete(listener);
  }

  /** As a dockerd that is killed, with live-restore: agents go on. */
  goDown(): void {
    for (const agent of this.agents) agent.loseEngine();
  }

  /** @returns the agents that ended meanwhile. */
  comeUp(): FakeAgent[] {
    return this.agents.filter((agent) => agent.regainEngine() === 'ended');
  }

  resourcesByRun(installationId: string): RunResources[] {
    const now = this.clock.now().getTime();
    const runs = new Map<string, { readonly resources: Record<string, number>; youngestAgeMs: number }>();
    const add = (runId: string, kind: FakeKind, createdAt: Date): void => {
      const run = runs.get(runId) ?? { resources: {}, youngestAgeMs: Infinity };
      run.resources[kind] = (run.resources[kind] ?? 0) + 1;
      run.youngestAgeMs = Math.min(run.youngestAgeMs, now - createdAt.getTime());
      runs.set(runId, run);
    };
    for (const { deployment, createdAt } of this.agents) {
      if (deployment.installationId === installationId) add(deployment.runId, 'container', createdAt);
    }
    for (const resource of this.shared) {
      if (resource.installationId === installationId) add(resource.runId, resource.kind, resource.createdAt);
    }
    return [...runs].map(([runId, run]) => ({ runId, ...run }));
  }

  /** What exists, over all installations and runs: a test ends with zeros. */
  get leaks(): { readonly containers: number; readonly networks: number; readonly volumes: number } {
    const count = (kind: FakeShared['kind']): number => this.shared.filter((resource) => resource.kind === kind).length;
    return { containers: this.agents.length, networks: count('network'), volumes: count('volume') };
  }

  private tellExit({ deployment, agent }: FakeAgent): void {
    const ended = { runId: deployment.runId, agent: agent.name };
    queueMicrotask(() => {
      for (const listener of [...this.exitListeners]) listener(deployment.installationId, ended);
    });
  }
}

/** Two who remove the same resource at once are one removal: what is gone already leaves the others alone. */
function takeOut<T>(resources: T[], resource: T): void {
  const index = resources.indexOf(resource);
  if (index >= 0) resources.splice(index, 1);
}

const realClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};
