import type {
  AgentChannel,
  AgentProcess,
  AgentSpec,
  AgentUnit,
  CarriedEndpoints,
  DeployOptions,
  DeploymentSpec,
  EndedAgent,
  FoundFile,
  HostIdentity,
  ProgramResult,
  ProgramSpec,
  RunResources,
  Runtime,
  StopOptions,
  Subscription,
  TeardownReport,
  WorkspaceFile,
} from '@crewtab/domain/ports/runtime';
import { AppError } from '@crewtab/domain/errors';
import { effect } from '@crewtab/domain/failpoint';
import type { Pod } from './cluster/api-objects';
import { ClusterClient } from './cluster/cluster-client';
import { toAppError } from './cluster/cluster-errors';
import { connect } from './cluster/connection';
import { ensureOwner, ensurePod, ensurePolicy, ownPod, PodPrograms, throwUnlessIn, untilReady } from './deploy';
import { settingsFrom, type KubernetesRuntimeOptions, type KubernetesSettings } from './kubernetes-options';
import { formatHandle, inspectAgent, parseHandle } from './output/agent-handle';
import { KubernetesChannel } from './output/kubernetes-channel';
import { carriedSockets, PodTunnel } from './output/pod-tunnel';
import { releaseAgent } from './pod/keeper';
import { proxyPortOf, TOOLS_DIR, WORKSPACE_DIR } from './pod/pod-spec';
import { hasKeeper, processOf } from './pod/pod-state';
import { putFiles, readFiles } from './pod/workspace-files';
import { PodWatch } from './pod-watch';
import { PolicyProbe } from './policy-probe';
import { checkRights } from './rights';
import { runProgram } from './run-program';
import { stopRun } from './stop';
import { listRuns, tearDown } from './teardown';

/** The first worker of a namespace makes it; its uid is the host's identity. */
const HOST = 'crewtab-host';

/**
 * Teams in pods of one namespace of a cluster: one pod a run, with a container an agent, and the keeper by which everything in it is
 * done. Nothing is kept in this process that another one could not find out from the cluster. See docs/adr/0022-a-team-is-one-pod.md.
 */
export class KubernetesRuntime implements Runtime {
  readonly kind = 'kubernetes';
  private readonly settings: KubernetesSettings;
  private readonly programs: PodPrograms;
  private readonly policies: PolicyProbe;
  private readonly channels = new Set<AgentChannel>();
  private readonly subscriptions = new Set<Subscription>();
  private connected: Promise<ClusterClient> | null = null;

  constructor(private readonly options: KubernetesRuntimeOptions) {
    this.settings = settingsFrom(options);
    this.programs = new PodPrograms(this.settings);
    this.policies = new PolicyProbe(this.settings);
  }

  async identify(): Promise<HostIdentity> {
    return this.asked(async (client) => {
      await checkRights(client);
      const { gitVersion } = await client.json<{ gitVersion: string }>({ method: 'GET', path: '/version' });
      const id = this.options.hostName ?? `k8s-${await hostId(client)}`;
      return {
        id: id.replace(/[^A-Za-z0-9_-]/g, '-'),
        description: `Kubernetes ${gitVersion}, namespace ${client.namespace}`,
      };
    });
  }

  async prepare(deployment: DeploymentSpec, options: DeployOptions): Promise<void> {
    await this.asked(async (client) => {
      const owner = await ensureOwner(client, this.programs, deployment, options.signal);
      const { kind } = deployment.network;
      if (kind !== 'open') await ensurePolicy(client, deployment, owner, options.signal);
      if (kind === 'allowlist') await this.policies.requireEnforcement(client, deployment, owner, options);
      const pod = await ensurePod(client, deployment, owner, this.settings, options);
      await untilReady(client, pod, options);
    });
  }

  ensureAgent(deployment: DeploymentSpec, agent: AgentSpec): Promise<AgentUnit> {
    return this.asked(async (client) => {
      const pod = await ownPod(client, deployment);
      throwUnlessIn(pod, agent);
      const { name, uid = '' } = pod.metadata;
      const unit = { handle: formatHandle({ pod: name, uid, agent: agent.name }), container: `${name} ${agent.name}` };
      if (!hasKeeper(pod)) return unitOrFailure(pod, agent, unit);
      const start = await releaseAgent(client, pod, agent, proxyPortOf(deployment, agent.name));
      if (start.is === 'failed') throw new AppError('start_failed', start.why);
      if (start.is === 'unknown') return unitOrFailure(await ownPod(client, deployment), agent, unit);
      return unit;
    });
  }

  workspacePath(): string {
    return WORKSPACE_DIR;
  }

  toolsPath(): string {
    return TOOLS_DIR;
  }

  inspect(handle: string): Promise<AgentProcess> {
    return this.asked((client) => inspectAgent(client, parseHandle(handle)));
  }

  open(handle: string, longestLineBytes?: number, carried?: CarriedEndpoints): Promise<AgentChannel> {
    return this.asked((client) => {
      const named = parseHandle(handle);
      const sockets = carriedSockets(named.agent, carried);
      const tunnel = sockets.length > 0 ? new PodTunnel(client, named, sockets, this.options.logger) : null;
      const onClose = (closed: AgentChannel): void => {
        tunnel?.close();
        this.channels.delete(closed);
      };
      const channel = new KubernetesChannel(client, named, longestLineBytes, onClose);
      this.channels.add(channel);
      return Promise.resolve(channel);
    });
  }

  putFiles(deployment: DeploymentSpec, files: readonly WorkspaceFile[]): Promise<void> {
    return this.asked(async (client) => putFiles(client, await ownPod(client, deployment), files));
  }

  async *readFiles(deployment: DeploymentSpec, path: string): AsyncGenerator<FoundFile> {
    try {
      const client = await this.client();
      yield* readFiles(client, await ownPod(client, deployment), path);
    } catch (error) {
      throw toAppError(error);
    }
  }

  async runProgram(deployment: DeploymentSpec, program: ProgramSpec, signal: AbortSignal): Promise<ProgramResult> {
    const { programs, settings } = this;
    return runProgram({ client: await this.client(), programs, settings }, deployment, program, signal);
  }

  watch(installationId: string, onEnded: (ended: EndedAgent | null) => void): Subscription {
    const watch: Subscription = new PodWatch(
      () => this.client(),
      installationId,
      onEnded,
      () => this.subscriptions.delete(watch),
    );
    this.subscriptions.add(watch);
    return watch;
  }

  stop(installationId: string, runId: string, options: StopOptions): Promise<void> {
    return this.asked((client) => stopRun(client, installationId, runId, options));
  }

  teardown(installationId: string, runId: string, options: { graceMs: number }): Promise<TeardownReport> {
    return this.asked((client) => tearDown(client, installationId, runId, options.graceMs));
  }

  list(installationId: string): Promise<RunResources[]> {
    return this.asked((client) => listRuns(client, installationId));
  }

  /** The API tells nothing of it: the volumes of a pod have limits of their own, at which the kubelet evicts it. */
  measureDisk(): Promise<ReadonlyMap<string, number> | null> {
    return Promise.resolve(new Map());
  }

  async close(): Promise<void> {
    for (const channel of [...this.channels]) channel.close();
    for (const subscription of [...this.subscriptions]) subscription.close();
    const client = await this.connected?.catch(() => null);
    client?.close();
  }

  private async asked<T>(call: (client: ClusterClient) => Promise<T>): Promise<T> {
    try {
      return await call(await this.client());
    } catch (error) {
      throw toAppError(error);
    }
  }

  private client(): Promise<ClusterClient> {
    const { kubeconfig, namespace } = this.options;
    this.connected ??= connect(kubeconfig, namespace)
      .then((connection) => new ClusterClient(connection, this.settings.limits))
      .catch((error: unknown) => {
        this.connected = null;
        throw error;
      });
    return this.connected;
  }
}

/** The unit of an agent that was started, whatever became of it. @throws AppError `start_failed` for one that never was */
function unitOrFailure(pod: Pod, agent: AgentSpec, unit: AgentUnit): AgentUnit {
  const process = processOf(pod, agent.name);
  if (process.status === 'exited' && process.message !== '') throw new AppError('start_failed', process.message);
  if (process.status === 'exited') return unit;
  throw new AppError('engine_unreachable', `the container of agent "${agent.name}" does not answer`, {
    retryable: true,
  });
}

async function hostId(client: ClusterClient): Promise<string> {
  const made = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: HOST } } as const;
  const found =
    (await client.get('configmaps', HOST)) ??
    (await effect('kubernetes.host.create', () => client.create('configmaps', made))) ??
    (await client.get('configmaps', HOST));
  if (found?.metadata.uid) return found.metadata.uid;
  throw new AppError('engine_error', `config map ${HOST} came and went`, { retryable: true });
}
