import type { McpServerStdio } from '@agentclientprotocol/sdk';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js';

/** What the leader can do with its team. */
export interface TeamTools {
  /** @returns the teammates in words, as the worker wrote them. */
  listTeammates(): Promise<string>;
  /**
   * Resolves with the teammate's answer, however long it takes; rejects with its failure.
   * @param onHandle told each answer that only says that the task goes on
   */
  delegate(agent: string, task: string, onHandle: (text: string) => Promise<void>): Promise<string>;
}

/** How long a server may take for its first answer. */
const INITIALIZE_LIMIT_MS = 30_000;
/** In the worker's answer to a call that would take too long (libs/orchestrator/running/team-tools.ts). */
const HANDLE = /has not finished this task yet\. Its handle is (\S+)\n/;
/** The longest timer there is: how long a call takes is the worker's setting, and the SDK would give up after a minute. */
const CALL_LIMIT_MS = 2 ** 31 - 1;

/** Starts the MCP server that was handed over and checks that it is the team's. */
export async function connectTeamTools(servers: readonly McpServerStdio[]): Promise<TeamTools> {
  for (const server of servers) {
    const client = await connectMcp(server);
    const { tools } = await client.listTools();
    const names = tools.map(({ name }) => name);
    if (names.includes('list_teammates') && names.includes('delegate')) {
      return {
        listTeammates: () => callTool(client, 'list_teammates', {}),
        delegate: (agent, task, onHandle) => delegate(client, agent, task, onHandle),
      };
    }
    await client.close();
  }
  throw new Error('none of the MCP servers has the tools of a team');
}

async function delegate(
  client: Client,
  agent: string,
  task: string,
  onHandle: (text: string) => Promise<void>,
): Promise<string> {
  for (let answer = await callTool(client, 'delegate', { agent, task }); ;) {
    const handle = HANDLE.exec(answer)?.[1];
    if (handle === undefined) return answer;
    await onHandle(answer);
    answer = await callTool(client, 'wait', { handle });
  }
}

/** Starts the server as a child with this process's environment; its stderr is this one's. */
export async function connectMcp({ command, args, env }: McpServerStdio): Promise<Client> {
  const added = Object.fromEntries(env.map(({ name, value }) => [name, value]));
  const inherited = process.env as Record<string, string>;
  const client = new Client({ name: 'crewtab-demo-agent', version: '1.0.0' });
  // An answer has the length that a teammate gave it.
  const transport = new StdioClientTransport({
    command,
    args,
    env: { ...inherited, ...added },
    maxBufferSize: Infinity,
  });
  await client.connect(transport, { timeout: INITIALIZE_LIMIT_MS });
  return client;
}

/** @returns the text of the tool's result; rejects with it when the tool reports an error. */
export async function callTool(client: Client, name: string, args: Record<string, string>): Promise<string> {
  const options = { timeout: CALL_LIMIT_MS };
  const result = await client.request(
    { method: 'tools/call', params: { name, arguments: args } },
    CallToolResultSchema,
    options,
  );
  const text = result.content.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('\n');
  if (result.isError === true) throw new Error(text || `${name} failed`);
  return text;
}
