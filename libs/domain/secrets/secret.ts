import type { PresetFault } from '../teams/preset';
import type { Agent, McpServer, SecretRefs } from '../teams/team';

/** Of a secret: part of a path, and of what stands in its place in a conversation. */
export const SECRET_NAME = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;

/** Of a value, without blanks at its ends, in characters: what is shorter cannot be masked without masking other words. */
export const SHORTEST_SECRET = 8;

/** A named value of an organization. It is written and replaced, and never read back. */
export interface Secret {
  readonly name: string;
  readonly createdAt: Date;
  /** When its value was last set. */
  readonly updatedAt: Date;
  readonly useCount: number;
  /** At most `SHOWN_USES`. */
  readonly uses: readonly SecretUse[];
}

export const SHOWN_USES = 100;

/** Who gets a secret. */
export interface SecretUse {
  readonly teamId: string;
  readonly teamName: string;
  /** Null: the workspace of the team. */
  readonly agent: string | null;
  /** Null: the agent itself, or the workspace. */
  readonly mcpServer: string | null;
  /** The variable or header that has its value; of a workspace WORKSPACE_USE. */
  readonly variable: string;
}

/** What a workspace takes a secret for. */
export const WORKSPACE_USE = 'git';

type SecretUser = Pick<Agent, 'secrets'> & {
  readonly mcpServers?: readonly Pick<McpServer<unknown>, 'name' | 'secrets'>[] | undefined;
};

/** Which secrets an agent and its servers name, each with the place. */
export function secretUsesOf({
  secrets = {},
  mcpServers = [],
}: SecretUser): (Pick<SecretUse, 'mcpServer' | 'variable'> & { readonly secret: string })[] {
  const of = (refs: SecretRefs, mcpServer: string | null) =>
    Object.entries(refs).map(([variable, secret]) => ({ mcpServer, variable, secret }));
  return [...of(secrets, null), ...mcpServers.flatMap((server) => of(server.secrets ?? {}, server.name))];
}

/** Each name once. */
export function secretNamesOf(agents: readonly SecretUser[]): string[] {
  return [...new Set(agents.flatMap((agent) => secretUsesOf(agent).map(({ secret }) => secret)))];
}

type Named = Readonly<Record<string, unknown>>;

/** What is set twice: by a value and by a secret. Values may be anything, only names count. */
export function findSecretFaults(
  agent: Pick<Agent, 'secrets'> & {
    readonly env?: Named | undefined;
    readonly mcpServers?: readonly { readonly secrets?: SecretRefs; readonly env?: Named; readonly headers?: Named }[];
  },
): PresetFault[] {
  const servers = (agent.mcpServers ?? []).flatMap(({ secrets, env, headers }, index) =>
    setTwice(secrets, { ...env, ...headers }, ['mcpServers', String(index), 'secrets']),
  );
  return [...setTwice(agent.secrets, agent.env, ['secrets']), ...servers];
}

function setTwice(secrets: SecretRefs = {}, values: Named = {}, path: readonly string[]): PresetFault[] {
  const twice = Object.keys(secrets).filter((name) => Object.hasOwn(values, name));
  return twice.map((name) => ({ path: [...path, name], message: 'has a value of its own already: take one of them' }));
}

/** Why a text is no value for a secret; null where it is one. */
export function findValueFault(value: string): string | null {
  const length = [...value.trim()].length;
  if (length >= SHORTEST_SECRET) return null;
  return `must have at least ${SHORTEST_SECRET} characters, blanks at its ends aside: what is shorter cannot be masked`;
}

/** Uses that the words of a refusal name. */
const TOLD_USES = 5;

export function tellUses({ uses, useCount }: Pick<Secret, 'uses' | 'useCount'>): string {
  const told = uses.slice(0, TOLD_USES).map(({ teamName, agent, mcpServer, variable }) => {
    const user =
      agent === null
        ? 'the workspace'
        : mcpServer === null
          ? `agent ${agent}`
          : `the MCP server ${mcpServer} of agent ${agent}`;
    return `by ${user} of team "${teamName}" (${variable})`;
  });
  const more = useCount - told.length;
  return `${told.join(', ')}${more > 0 ? `, and in ${more} more places` : ''}`;
}
