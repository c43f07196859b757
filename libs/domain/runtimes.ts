import type { NetworkMode } from './teams/network';

export const LIMITED_RESOURCES = ['cpus', 'memory', 'pids'] as const;

/** What a runtime can do for a team. */
export interface RuntimeCapabilities {
  /** False where agents see the host and have the worker's rights. */
  readonly isIsolated: boolean;
  /** Networks of a team that are kept to, the one of a team that says nothing first; a new team may have no other. */
  readonly networks: readonly [NetworkMode, ...NetworkMode[]];
  /** Limits of an agent that are enforced. */
  readonly limits: readonly (typeof LIMITED_RESOURCES)[number][];
  /** Images can be made on the host itself. */
  readonly buildsImages: boolean;
  /** Agents can be ended and their workspace be left, for their work to be verified and kept. */
  readonly leavesWorkspace: boolean;
  /** A program can be kept from the network and from what its agents have, as a verification must be. */
  readonly verifiesByCommand: boolean;
  /** A workspace can be filled before its agents start. */
  readonly preparesWorkspace: boolean;
  /** A repository can be fetched by a helper whose credentials no agent can reach. */
  readonly clonesRepositories: boolean;
  /** A workspace can stay on its host between runs. */
  readonly keepsWorkspaces: boolean;
  /** What every agent must say, since nothing else tells what to start. */
  readonly agentNeeds: readonly ('image' | 'command')[];
}

/** Every runtime there is. A worker has the code of each: apps/worker/src/open-host.ts. */
export const RUNTIMES = {
  docker: {
    isIsolated: true,
    networks: ['allowlist', 'none', 'open'],
    limits: LIMITED_RESOURCES,
    buildsImages: true,
    leavesWorkspace: true,
    verifiesByCommand: true,
    preparesWorkspace: true,
    clonesRepositories: true,
    keepsWorkspaces: true,
    agentNeeds: ['image'],
  },
  kubernetes: {
    isIsolated: true,
    networks: ['allowlist', 'none', 'open'],
    limits: ['cpus', 'memory'],
    buildsImages: false,
    leavesWorkspace: true,
    verifiesByCommand: true,
    preparesWorkspace: true,
    clonesRepositories: false,
    keepsWorkspaces: false,
    agentNeeds: ['image', 'command'],
  },
  process: {
    isIsolated: false,
    networks: ['open'],
    limits: [],
    buildsImages: false,
    leavesWorkspace: true,
    verifiesByCommand: false,
    preparesWorkspace: true,
    clonesRepositories: false,
    keepsWorkspaces: false,
    agentNeeds: ['command'],
  },
} as const satisfies Readonly<Record<string, RuntimeCapabilities>>;

/** False where agents have the host's network whatever their team asked for. */
export function isNetworkKept(runtime: RuntimeKind, mode: NetworkMode): boolean {
  const { networks }: RuntimeCapabilities = RUNTIMES[runtime];
  return networks.includes(mode);
}

export type RuntimeKind = keyof typeof RUNTIMES;

export const RUNTIME_KINDS = Object.keys(RUNTIMES) as [RuntimeKind, ...RuntimeKind[]];
