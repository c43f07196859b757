import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AgentSpec, DeploymentSpec } from '@crewtab/domain/ports/runtime';
import { ProcessRuntime, type ProcessRuntimeOptions } from '@crewtab/runtime-process/process-runtime';
import { deployOptions } from '../../contracts/runtime/contract-fixture';
import { eventually, LineReader } from '../../contracts/runtime/line-reader';

export const SEARCH_PATH = process.env['PATH'] ?? '/usr/bin:/bin';

/** One process runtime in a directory of its own, with what its tests ask again and again. */
export class ProcessLives {
  private readonly runtimes: ProcessRuntime[] = [];
  private readonly deployments: DeploymentSpec[] = [];

  private constructor(readonly rootDir: string) {}

  static async make(): Promise<ProcessLives> {
    return new ProcessLives(await mkdtemp(join(tmpdir(), 'crewtab-process-')));
  }

  runtime(options: Partial<ProcessRuntimeOptions> = {}): ProcessRuntime {
    const runtime = new ProcessRuntime({ rootDir: this.rootDir, searchPath: SEARCH_PATH, ...options });
    this.runtimes.push(runtime);
    return runtime;
  }

  deployment(overrides: Partial<DeploymentSpec> = {}): DeploymentSpec {
    const runId = randomUUID();
    const deployment: DeploymentSpec = {
      installationId: 'installation-1',
      runId,
      name: `team-run-${runId.slice(-6)}`,
      epoch: 1,
      deadlineAt: new Date(Date.now() + 600_000),
      network: { kind: 'open', hasOwnBridge: false },
      agents: [],
      ...overrides,
    };
    this.deployments.push(deployment);
    return deployment;
  }

  shell(script: string, overrides: Partial<AgentSpec> = {}): AgentSpec {
    return {
      name: 'solo',
      image: null,
      command: ['/bin/sh', '-c', script],
      env: {},
      resources: {},
      stdin: 'open',
      tools: null,
      ...overrides,
    };
  }

  async started(
    runtime: ProcessRuntime,
    agent: AgentSpec,
    overrides: Partial<DeploymentSpec> = {},
  ): Promise<StartedAgent> {
    const deployment = this.deployment(overrides);
    await runtime.prepare(deployment);
    const { handle } = await runtime.ensureAgent(deployment, agent, deployOptions());
    return { deployment, handle, reader: new LineReader(await runtime.open(handle)) };
  }

  /** A file of the agent's state, as its supervisor wrote it. */
  stateFile({ runId }: DeploymentSpec, name: string): string {
    return join(this.rootDir, 'runs', runId, 'agents', 'solo', 'state', name);
  }

  async pidIn(deployment: DeploymentSpec, name: 'agent.json' | 'supervisor.json'): Promise<number> {
    return (JSON.parse(await readFile(this.stateFile(deployment, name), 'utf8')) as { pid: number }).pid;
  }

  async rewrite(deployment: DeploymentSpec, name: string, change: object): Promise<void> {
    const path = this.stateFile(deployment, name);
    await writeFile(path, JSON.stringify({ ...(JSON.parse(await readFile(path, 'utf8')) as object), ...change }));
  }

  async dispose(): Promise<void> {
    const cleaner = this.runtime();
    for (const { installationId, runId } of this.deployments)
      await cleaner.teardown(installationId, runId, { graceMs: 0 });
    for (const runtime of this.runtimes) await runtime.close();
    await rm(this.rootDir, { recursive: true });
  }
}

export interface StartedAgent {
  readonly deployment: DeploymentSpec;
  readonly handle: string;
  readonly reader: LineReader;
}

/** Zombies count as gone: in a container no init process may ever reap them. */
export async function isAlive(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if (process.platform !== 'linux') return true;
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat !== '' && !/^\d+ \(.*\) [ZX] /s.test(stat);
}

export function gone(pid: number): Promise<void> {
  return eventually(`process ${pid} is gone`, async () => !(await isAlive(pid)), 20_000);
}
