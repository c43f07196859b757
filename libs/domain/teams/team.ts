import type { TeamNetwork } from './network';
import type { PermissionRule } from './permission-rules';
import type { TeamWorkspace } from './workspace';

/** Secrets by name of a variable, as agents and MCP servers name them. */
export type SecretRefs = Readonly<Record<string, string>>;

/** One member of a team, as the API takes it. */
export interface Agent {
  /** Unique in the team; 1–63 characters `[a-z0-9-]`, since container names are made of it. */
  readonly name: string;
  readonly role: AgentRole;
  readonly protocol: AgentProtocolName;
  /** Of a `Preset`, which fills in what the agent leaves out. */
  readonly preset?: string;
  /** What the preset gives to the program as its model. */
  readonly model?: string;
  /** Image reference; required under the `docker` runtime without a preset, ignored under `process`. */
  readonly image?: string;
  /** Replaces the image's entry point and command; required under the `process` runtime without a preset. */
  readonly command?: readonly string[];
  /** May be secrets: stored encrypted, never logged. */
  readonly env?: Readonly<Record<string, string>>;
  /** Variables whose values are secrets of the organization, by the secret's name. A run takes the values when it begins. */
  readonly secrets?: SecretRefs;
  /** Given to the agent before the prompt. */
  readonly instructions?: string;
  /** ACP session mode to set after the session is made. */
  readonly mode?: string;
  /** The answer to the agent's permission requests; the container is the boundary, hence `allow` by default. */
  readonly permissions?: 'allow' | 'deny';
  /** What goes before `permissions`; the first that fits decides. */
  readonly permissionRules?: readonly PermissionRule[];
  /** The id of the way to log in, where the agent wants a login and offers several. */
  readonly authMethod?: string;
  /** How long it may take from its start to the end of its handshake, ms; absent: as the worker is set. */
  readonly handshakeTimeoutMs?: number;
  /** How long it may write nothing while it has a task and waits for no teammate, ms; absent: for ever. */
  readonly idleTimeoutMs?: number;
  readonly resources?: AgentResources;
  /** Given to an agent that speaks ACP beside the team's tools. Stored encrypted as a whole. */
  readonly mcpServers?: readonly McpServer[];
}

/** An MCP server of the user's: a program in the agent's container (`command`), or one over HTTP (`url`). */
export interface McpServer<Value = string> {
  /** By which the agent shows its tools; unique in the agent. */
  readonly name: string;
  readonly command?: string;
  readonly args?: readonly string[];
  /** May be secrets, as those of an agent's `env`. */
  readonly env?: Readonly<Record<string, Value>>;
  readonly url?: string;
  /** May be secrets. */
  readonly headers?: Readonly<Record<string, Value>>;
  /** Variables of a program, or headers of a URL, whose values are secrets of the organization. */
  readonly secrets?: SecretRefs;
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

/** Stands for the value of a variable wherever agents are shown, and in an edit keeps the value that is stored. */
export interface KeptValue {
  readonly isSet: true;
}

/** An agent as it is shown: which variables are set, never their values. */
export type TeamAgent = Omit<Agent, 'env' | 'mcpServers'> & {
  readonly env?: Readonly<Record<string, KeptValue>>;
  readonly mcpServers?: readonly ShownMcpServer[];
};

export type ShownMcpServer = McpServer<KeptValue>;

export interface Team {
  readonly id: string;
  readonly organizationId: string;
  readonly name: string;
  readonly description: string | null;
  readonly network: TeamNetwork;
  /** What a run finds in its workspace; null: nothing. */
  readonly workspace: TeamWorkspace | null;
  readonly agents: readonly TeamAgent[];
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** Sizes of memory as Docker writes them: `512m`, `2g`, `1.5g`, `134217728`. Units are powers of 1024. */

const UNIT_BYTES: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  t: 1024 ** 4,
};

const SIZE = /^(\d{1,15}(?:\.\d{1,6})?)\s?([kmgt]?)(?:i?b)?$/;

export type ParsedMemorySize =
  { readonly ok: true; readonly bytes: number } | { readonly ok: false; readonly message: string };

/**
 * Reads a size with the units `b`, `k`, `m`, `g`, `t` (any case; `kb`, `KiB` and so on mean the same), decimals
 * included; no unit means bytes. Fractions of a byte are dropped. Never throws; the message says what is wrong,
 * without the name of the field.
 */
export function parseMemorySize(text: string): ParsedMemorySize {
  const match = SIZE.exec(text.toLowerCase());
  if (!match) return refuse(text, 'is not a size');
  const bytes = Math.floor(Number(match[1]) * (UNIT_BYTES[match[2] ?? ''] ?? 1));
  if (!Number.isSafeInteger(bytes)) return refuse(text, 'is larger than any machine');
  return { ok: true, bytes };
}

/** Writes whole bytes in the largest unit that needs no decimals: `512m`, `2g`, `1000b`. Throws a RangeError for anything else. */
export function formatMemorySize(bytes: number): string {
  if (!Number.isSafeInteger(bytes) || bytes < 0) throw new RangeError(`not a size in whole bytes: ${bytes}`);
  for (const unit of ['t', 'g', 'm', 'k']) {
    const size = UNIT_BYTES[unit] ?? 1;
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return `${bytes}b`;
}

function refuse(text: string, reason: string): ParsedMemorySize {
  const shown = text.length > 30 ? `${text.slice(0, 30)}…` : text;
  return { ok: false, message: `"${shown}" ${reason}; write it like 512m or 2g (units b, k, m, g, t)` };
}
