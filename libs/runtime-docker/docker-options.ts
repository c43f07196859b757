import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { ImageSources } from '@crewtab/domain/ports/image-sources';
import type { Logger } from '@crewtab/domain/ports/logger';
import { NO_POLICY, type AgentPolicy } from '@crewtab/domain/teams/agent-policy';
import { formatMemorySize, parseMemorySize } from '@crewtab/domain/teams/team';

/** How long single calls may take, in ms. A limit that passes is `engine_unreachable`. */
export interface CallLimits {
  /** Inspect, list, and the beginning of streams. */
  readonly readMs: number;
  /** Create, start, kill, remove. */
  readonly mutateMs: number;
  /** A pull or an import without any sign of progress. */
  readonly stallMs: number;
  /** The engine takes no more bytes for an agent that does not read its stdin. */
  readonly writeMs: number;
}

export interface DockerRuntimeOptions {
  /** As DOCKER_HOST: `unix:///path`, `tcp://host:port`, `http(s)://…`, `ssh://…`; null = dockerode's own search. */
  readonly dockerHost: string | null;
  /** Replaces the engine's own id as the identity of this host. Danger: two hosts of one name disturb each other. */
  readonly hostName?: string;
  readonly limits?: Partial<CallLimits>;
  /** Engine mutations at once; default twice the cores of this machine. */
  readonly mutationsAtOnce?: number;
  /** Base of the subnets of networks made here: the first /20 is the shared network's, the rest is cut into /28s. */
  readonly subnetBase?: string;
  /** Name of the bridge that all teams of the host share. Default `crewtab-egress`. */
  readonly egressNetwork?: string;
  /** How long after its deadline a container's main process ends by itself. Default 60 s. */
  readonly deadlineGraceMs?: number;
  /** For agents that ask for nothing themselves. */
  readonly defaultResources?: Partial<ResourceDefaults>;
  /** The most output of one agent that a run may have. Default 100 MiB. */
  readonly outputLimitBytes?: number;
  /** Agents may write to the root of their containers, where their user may, and HOME is no volume. Default: not. */
  readonly isRootWritable?: boolean;
  /** The most that lies in a container's /tmp, within half of its memory. Default 512 MiB. */
  readonly tmpBytes?: number;
  /** The most that lies in a run's workspace, which is in memory then, within half of its agents'; null: on the disk. Default: null. */
  readonly workspaceBytes?: number | null;
  /** Where a default is over one of these, it is the ceiling instead; null: none. */
  readonly ceilings?: Pick<AgentPolicy, 'cpus' | 'memoryBytes' | 'pids'>;
  /** How absent images come here. Default: they are pulled. */
  readonly imageSources?: ImageSources;
  /** Is told what recovery does. */
  readonly logger?: Logger;
  /** Where the guards lie that agents run under; default those of the build. Null: agents run without. */
  readonly guardFolder?: string | null;
}

export interface ResourceDefaults {
  readonly cpus: number;
  readonly memory: string;
  readonly pids: number;
}

export interface DockerSettings {
  readonly limits: CallLimits;
  readonly mutationsAtOnce: number;
  readonly subnetBase: string;
  readonly egressNetwork: string;
  readonly deadlineGraceMs: number;
  readonly defaultResources: ResourceDefaults;
  readonly guardFolder: string | null;
  readonly outputLimitBytes: number;
  readonly isRootWritable: boolean;
  readonly tmpBytes: number;
  readonly workspaceBytes: number | null;
}

/** The shared workspace and working directory of every agent. */
export const WORKSPACE_DIR = '/workspace';
/** Where the folder of a team's tools is mounted. */
export const TOOLS_DIR = '/run/crewtab';
/** Where the folder of a run's egress proxy is mounted. */
export const NETWORK_DIR = '/run/crewtab-network';
/** The guards of the build, one for each architecture that it was compiled for. */
const GUARD_FOLDER = join(__dirname, '../../images/guard');
const LIMITS: CallLimits = { readMs: 15_000, mutateMs: 60_000, stallMs: 120_000, writeMs: 60_000 };
/** Enough for Claude Code or Codex at work with a compiler; a fork bomb or a leak stays inside. */
const RESOURCES: ResourceDefaults = { cpus: 1, memory: '2g', pids: 512 };

export function settingsFrom(options: DockerRuntimeOptions): DockerSettings {
  return {
    limits: { ...LIMITS, ...options.limits },
    mutationsAtOnce: options.mutationsAtOnce ?? 2 * availableParallelism(),
    subnetBase: options.subnetBase ?? '10.213.0.0/16',
    egressNetwork: options.egressNetwork ?? 'crewtab-egress',
    deadlineGraceMs: options.deadlineGraceMs ?? 60_000,
    outputLimitBytes: options.outputLimitBytes ?? 100 * 1024 * 1024,
    isRootWritable: options.isRootWritable ?? false,
    tmpBytes: options.tmpBytes ?? 512 * 1024 * 1024,
    workspaceBytes: options.workspaceBytes ?? null,
    defaultResources: withinCeilings({ ...RESOURCES, ...options.defaultResources }, options.ceilings ?? NO_POLICY),
    guardFolder: options.guardFolder === undefined ? GUARD_FOLDER : options.guardFolder,
  };
}

function withinCeilings(defaults: ResourceDefaults, ceilings: Pick<AgentPolicy, 'cpus' | 'memoryBytes' | 'pids'>) {
  const memory = parseMemorySize(defaults.memory);
  const { cpus, memoryBytes, pids } = ceilings;
  const isMemoryOver = memory.ok && memoryBytes !== null && memory.bytes > memoryBytes;
  return {
    cpus: Math.min(defaults.cpus, cpus ?? Infinity),
    memory: isMemoryOver ? formatMemorySize(memoryBytes) : defaults.memory,
    pids: Math.min(defaults.pids, pids ?? Infinity),
  };
}
