import type { McpServerStdio } from '@agentclientprotocol/sdk';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js';

/** What an agent can do with its team; a teammate may only ask, and its leader everything else. */
export interface TeamTools {
  /** Resolves with the leader's answer; rejects when there will be none. */
  ask(question: string): Promise<string>;
  /** @returns the teammates in words, as the worker wrote them. */
  listTeammates(): Promise<string>;
  /**
   * Resolves with the teammate's answer, however long it takes; rejects with its failure.
   * @param onHandle told each answer that only says that the task goes on; questions in it are answered
   */
  delegate(agent: string, task: string, onHandle: (text: string) => Promise<void>): Promise<string>;
}

/** How long a server may take for its first answer. */
const INITIALIZE_LIMIT_MS = 30_000;
/** In the worker's answer to a call that would take too long (libs/orchestrator/running/team-tools.ts). */
const HANDLE = /has not finished this task yet\. Its handle is (\S+)\n/;
/** Of a teammate, in the same answer: its id and its words. */
const QUESTION = /asks about its task \(question (\S+)\):\n(.*)/g;
/** The longest timer there is: how long a call takes is the worker's setting, and the SDK would give up after a minute. */
const CALL_LIMIT_MS = 2 ** 31 - 1;

/** Starts the MCP server that was handed over and checks that it is the team's. */
export async function connectTeamTools(servers: readonly McpServerStdio[]): Promise<TeamTools> {
  for (const server of servers) {
    const client = await connectMcp(server);
    const { tools } = await client.listTools();
    const names = tools.map(({ name }) => name);
    if (names.includes('delegate') || names.includes('ask')) {
      return {
        ask: (question) => ask(client, question),
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
    for (const [, question = '', asked = ''] of answer.matchAll(QUESTION))
      await callTool(client, 'answer', { question, text: `as you like, about: ${asked}` });
    answer = await callTool(client, 'wait', { handle });
  }
}

async function ask(client: Client, question: string): Promise<string> {
  for (;;) {
    const answer = await callTool(client, 'ask', { question });
    if (!answer.startsWith('The leader has not answered yet.')) return answer;
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
