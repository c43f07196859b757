/** One member of a team, as the API takes it. */
export interface Agent {
  /** Unique in the team; 1–63 characters `[a-z0-9-]`, since container names are made of it. */
  readonly name: string;
  readonly role: AgentRole;
  readonly protocol: AgentProtocolName;
  /** Image reference; required under the `docker` runtime, ignored under `process`. */
  readonly image?: string;
  /** Replaces the image's entry point and command; required under the `process` runtime. */
  readonly command?: readonly string[];
  /** Secrets live here: stored encrypted, never logged. */
  readonly env?: Readonly<Record<string, string>>;
  /** Given to the agent before the prompt. */
  readonly instructions?: string;
  /** ACP session mode to set after the session is made. */
  readonly mode?: string;
  /** The answer to the agent's permission requests; the container is the boundary, hence `allow` by default. */
  readonly permissions?: 'allow' | 'deny';
  readonly resources?: AgentResources;
}

export type AgentRole = 'leader' | 'worker';
export type AgentProtocolName = 'acp' | 'command';

export interface AgentResources {
  /** Cores, e.g. 0.5. */
  readonly cpus?: number;
  /** Bytes with a unit: `512m`, `2g`. */
  readonly memory?: string;
  /** Most processes and threads. */
  readonly pids?: number;
}

/**
 * How a team's containers see the network: `egress` = the host's shared bridge, no traffic between containers;
 * `team` = a private bridge for this run; `none` = no network.
 */
export type TeamNetwork = 'egress' | 'team' | 'none';

export interface Team {
  readonly id: string;
  readonly organizationId: string;
  readonly name: string;
  readonly description: string | null;
  readonly network: TeamNetwork;
  readonly agents: readonly Agent[];
  readonly createdAt: Date;
  readonly updatedAt: Date;
}
