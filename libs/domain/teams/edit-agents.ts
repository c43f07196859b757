import { editMcpServers, showMcpServer, type McpServerEdit } from './mcp-servers';
import type { PresetFault } from './preset';
import type { Agent, KeptValue, TeamAgent } from './team';

/** Most variables of one agent. */
export const MAX_VARIABLES = 200;

/** An agent in an edit of its team. Everything but what may be secret replaces what was. */
export type AgentEdit = Omit<Agent, 'env' | 'mcpServers'> & {
  /** The agent whose variables these are, if it was called otherwise before. */
  readonly previousName?: string;
  /** A string sets a variable, null deletes it; what is kept or not named stays. Absent: all stay. */
  readonly env?: Readonly<Record<string, string | KeptValue | null>>;
  /** All there are from then on, matched by name; their values as those of `env`. */
  readonly mcpServers?: readonly McpServerEdit[];
};

/** What is wrong with an edit, by the path of the field below `agents`. */
export interface EditFault {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** Finds what is wrong with an agent as a whole, by the field. */
export type AgentCheck = (agent: Agent) => readonly PresetFault[];

/** The edit does not fit what is stored. Nothing was changed. */
export class AgentEditError extends Error {
  constructor(readonly faults: readonly EditFault[]) {
    super(faults.map(({ path, message }) => `agents.${path.join('.')}: ${message}`).join('; '));
    this.name = 'AgentEditError';
  }
}

/**
 * The agents of a team after an edit: agents are matched by name, so that a client sends back what it was shown and
 * loses no value. Throws `AgentEditError`, with every fault at once.
 * @param check finds what is wrong with an agent as it would be stored
 */
export function editAgents(
  stored: readonly Agent[],
  edits: readonly AgentEdit[],
  check: AgentCheck = () => [],
): Agent[] {
  const faults: EditFault[] = [];
  const taken = new Set<string>();
  const agents = edits.map((edit, index) => {
    const { previousName, env, mcpServers, ...agent } = edit;
    const source = previousName ?? agent.name;
    const former = stored.find(({ name }) => name === source);
    if (previousName !== undefined && !former) {
      faults.push({ path: [index, 'previousName'], message: 'is not the name of an agent of this team' });
    }
    if (former && taken.has(source)) {
      faults.push({
        path: [index, 'previousName'],
        message: `the agent ${source} is continued by another one already`,
      });
    }
    taken.add(source);
    const edited = editVariables(former?.env, env, (name, message) =>
      faults.push({ path: name === null ? [index, 'env'] : [index, 'env', name], message }),
    );
    const servers = editMcpServers(former?.mcpServers, mcpServers, ({ path, message }) =>
      faults.push({ path: [index, 'mcpServers', ...path], message }),
    );
    const result = { ...agent, ...(edited && { env: edited }), ...(servers && { mcpServers: servers }) };
    faults.push(...check(result).map(({ path, message }) => ({ path: [index, ...path], message })));
    return result;
  });
  if (faults.length > 0) throw new AgentEditError(faults);
  return agents;
}

/** An agent without what its variables, and those of its servers, hold. */
export function showAgent({ env, mcpServers, ...agent }: Agent): TeamAgent {
  return {
    ...agent,
    ...(env && { env: Object.fromEntries(Object.keys(env).map((name) => [name, { isSet: true }])) }),
    ...(mcpServers && { mcpServers: mcpServers.map(showMcpServer) }),
  };
}

function editVariables(
  stored: Agent['env'],
  edit: AgentEdit['env'],
  refuse: (name: string | null, message: string) => void,
): Agent['env'] {
  if (!edit) return stored;
  const values = new Map(Object.entries(stored ?? {}));
  for (const [name, value] of Object.entries(edit)) {
    if (value === null) values.delete(name);
    else if (typeof value === 'string') values.set(name, value);
    else if (!values.has(name)) refuse(name, 'is not set yet, so there is nothing to keep: send a value');
  }
  if (values.size > MAX_VARIABLES) refuse(null, `would have ${values.size} variables; the limit is ${MAX_VARIABLES}`);
  return Object.fromEntries(values);
}
