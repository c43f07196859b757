import { arch } from 'node:os';
import { join } from 'node:path';
import type { Logger } from '@crewtab/domain/ports/logger';
import { NO_POLICY, type AgentPolicy } from '@crewtab/domain/teams/agent-policy';
import { parseMemorySize } from '@crewtab/domain/teams/team';

/** How long single calls may take, in ms. A limit that passes is `engine_unreachable`. */
export interface CallLimits {
  /** One request of the API. */
  readonly requestMs: number;
  /** An `exec` that moves no byte. */
  readonly execMs: number;
  /** Until an agent's input lies in its pod, however often the connection breaks. */
  readonly writeMs: number;
  /** Beside its grace, until a pod that was deleted is gone. */
  readonly removalMs: number;
}

export interface Toleration {
  readonly key?: string;
  readonly operator?: 'Equal' | 'Exists';
  readonly value?: string;
  readonly effect?: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
  readonly tolerationSeconds?: number;
}

/** What an operator says of the pods of all teams. */
export interface PodPlacement {
  /** Names of Secrets of the namespace. */
  readonly imagePullSecrets: readonly string[];
  /** Such as gVisor's or Kata's. */
  readonly runtimeClassName: string | null;
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly tolerations: readonly Toleration[];
  /** Of the keeper; null: that of the team's first agent. */
  readonly keeperImage: string | null;
  /** Added to each pod; it has nothing that Crewtab says itself. */
  readonly template: PodAddition | null;
}

export interface PodAddition {
  readonly metadata: {
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  };
  readonly spec: Readonly<Record<string, unknown>>;
}

export interface KubernetesRuntimeOptions {
  /** A file as `kubectl` has it; null: the service account that the worker's own pod has. */
  readonly kubeconfig: string | null;
  /** Null: that of the kubeconfig, or of the worker's own pod. */
  readonly namespace: string | null;
  readonly placement?: Partial<PodPlacement>;
  /** Replaces the namespace's own id as the identity of this host. Danger: two hosts of one name disturb each other. */
  readonly hostName?: string;
  readonly limits?: Partial<CallLimits>;
  /** How long after its deadline a pod ends by itself. Default 60 s. */
  readonly deadlineGraceMs?: number;
  /** For agents that ask for nothing themselves. */
  readonly defaultResources?: Partial<ResourceDefaults>;
  /** The most output of one agent that a run may have. Default 100 MiB. */
  readonly outputLimitBytes?: number;
  readonly isRootWritable?: boolean;
  /** The most that lies in an agent's /tmp. Default 512 MiB. */
  readonly tmpBytes?: number;
  /** The most that lies in the workspace, and in a HOME. Default 10 GiB. */
  readonly diskBytes?: number;
  readonly ceilings?: Pick<AgentPolicy, 'cpus' | 'memoryBytes'>;
  /** Teams with a list of hosts run where network policies may not be enforced. Danger: their agents may reach what any pod reaches. */
  readonly isUnenforcedNetworkAllowed?: boolean;
  readonly logger?: Logger;
  /** Where the programs lie that agents run under; default those of the build. */
  readonly programFolder?: string;
}

export interface ResourceDefaults {
  readonly cpus: number;
  readonly memoryBytes: number;
}

export interface KubernetesSettings {
  readonly placement: PodPlacement;
  readonly limits: CallLimits;
  readonly deadlineGraceMs: number;
  readonly defaultResources: ResourceDefaults;
  readonly outputLimitBytes: number;
  readonly isRootWritable: boolean;
  readonly tmpBytes: number;
  readonly diskBytes: number;
  readonly isUnenforcedNetworkAllowed: boolean;
  readonly programFolder: string;
  /** Of our programs, as Kubernetes names it. */
  readonly architecture: string;
}

const PROGRAM_FOLDER = join(__dirname, '../../images/guard');
const LIMITS: CallLimits = { requestMs: 15_000, execMs: 30_000, writeMs: 60_000, removalMs: 20_000 };
const PLACEMENT: PodPlacement = {
  imagePullSecrets: [],
  runtimeClassName: null,
  nodeSelector: {},
  tolerations: [],
  keeperImage: null,
  template: null,
};
const MEBIBYTE = 1024 ** 2;
/** As under Docker: see libs/runtime-docker/docker-options.ts. */
const RESOURCES: ResourceDefaults = { cpus: 1, memoryBytes: 2048 * MEBIBYTE };

export function settingsFrom(options: KubernetesRuntimeOptions): KubernetesSettings {
  const ceilings = options.ceilings ?? NO_POLICY;
  const resources = { ...RESOURCES, ...options.defaultResources };
  return {
    placement: { ...PLACEMENT, ...options.placement },
    limits: { ...LIMITS, ...options.limits },
    deadlineGraceMs: options.deadlineGraceMs ?? 60_000,
    defaultResources: {
      cpus: Math.min(resources.cpus, ceilings.cpus ?? Infinity),
      memoryBytes: Math.min(resources.memoryBytes, ceilings.memoryBytes ?? Infinity),
    },
    outputLimitBytes: options.outputLimitBytes ?? 100 * MEBIBYTE,
    isRootWritable: options.isRootWritable ?? false,
    tmpBytes: options.tmpBytes ?? 512 * MEBIBYTE,
    diskBytes: options.diskBytes ?? 10_240 * MEBIBYTE,
    isUnenforcedNetworkAllowed: options.isUnenforcedNetworkAllowed ?? false,
    programFolder: options.programFolder ?? PROGRAM_FOLDER,
    architecture: architectureOf(arch()),
  };
}

/** @returns bytes; null for what is no size */
export function memoryBytes(size: string): number | null {
  const parsed = parseMemorySize(size);
  return parsed.ok ? parsed.bytes : null;
}

function architectureOf(node: string): string {
  return { x64: 'amd64', ppc64: 'ppc64le' }[node] ?? node;
}
