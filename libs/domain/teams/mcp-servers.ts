import { isHostListed, parseHostPattern, type TeamNetwork } from './network';
import type { KeptValue, McpServer, ShownMcpServer } from './team';

/** A server in an edit: a string sets a value, null deletes it; what is kept or not named stays. */
export type McpServerEdit = McpServer<string | KeptValue | null>;

/** By the path of the field below the agent's. */
export interface McpServerFault {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** Most variables, and most headers, of one server. */
export const MAX_MCP_VALUES = 100;

const VALUES = ['env', 'headers'] as const;

export function showMcpServer({ env, headers, ...server }: McpServer): ShownMcpServer {
  return { ...server, ...(env && { env: kept(env) }), ...(headers && { headers: kept(headers) }) };
}

function kept(values: Readonly<Record<string, string>>): Record<string, KeptValue> {
  return Object.fromEntries(Object.keys(values).map((name) => [name, { isSet: true }]));
}

/** The servers of an agent after an edit, matched by name; those that are not in it are gone. */
export function editMcpServers(
  stored: readonly McpServer[] | undefined,
  edits: readonly McpServerEdit[] | undefined,
  refuse: (fault: McpServerFault) => void,
): readonly McpServer[] | undefined {
  return edits?.map((edit, index) => {
    const { env: _env, headers: _headers, ...server } = edit;
    const former = stored?.find(({ name }) => name === edit.name);
    const values = VALUES.flatMap((field) => {
      const isOfThisKind = (field === 'env') === (edit.url === undefined);
      const edited = isOfThisKind && editValues(former?.[field], edit[field], [index, field], refuse);
      return edited ? [[field, edited] as const] : [];
    });
    return { ...server, ...Object.fromEntries(values) };
  });
}

function editValues(
  stored: Readonly<Record<string, string>> | undefined,
  edit: McpServerEdit['env'],
  path: McpServerFault['path'],
  refuse: (fault: McpServerFault) => void,
): Readonly<Record<string, string>> | undefined {
  if (!edit) return stored;
  const values = new Map(Object.entries(stored ?? {}));
  for (const [name, value] of Object.entries(edit)) {
    if (value === null) values.delete(name);
    else if (typeof value === 'string') values.set(name, value);
    else if (!values.has(name))
      refuse({ path: [...path, name], message: 'is not set yet, so there is nothing to keep: send a value' });
  }
  if (values.size > MAX_MCP_VALUES)
    refuse({ path, message: `would have ${values.size} values; the limit is ${MAX_MCP_VALUES}` });
  return Object.fromEntries(values);
}

/**
 * Servers over HTTP that the agents of a team could not reach: under `allowlist` their host must be listed, since the agent
 * would only see a tool that fails. What listens inside of the container needs no network.
 */
export function findUnreachableServers(
  network: TeamNetwork,
  servers: readonly McpServer<unknown>[],
): readonly McpServerFault[] {
  if (network.mode === 'open') return [];
  const patterns = network.hosts.flatMap((host) => {
    const parsed = parseHostPattern(host);
    return parsed.ok ? [parsed.pattern] : [];
  });
  return servers.flatMap(({ url }, index) => {
    if (url === undefined || !URL.canParse(url)) return [];
    const { hostname, port, protocol } = new URL(url);
    const portNumber = port === '' ? DEFAULT_PORT[protocol] : Number(port);
    if (isLoopback(hostname) || (portNumber !== undefined && isHostListed(patterns, hostname, portNumber))) return [];
    const host = port === '' ? hostname : `${hostname}:${port}`;
    const message =
      network.mode === 'none'
        ? `leads to ${host}, and the team's network is none`
        : `leads to ${host}, which is not among the hosts of the team's network: add "${host}" to network.hosts`;
    return [{ path: [index, 'url'], message }];
  });
}

const DEFAULT_PORT: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };

/** Inside of the container, whatever its network is. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname);
}
