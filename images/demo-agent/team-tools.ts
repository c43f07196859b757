import { McpClient } from './mcp-client';
import type { McpServerSpec } from './mcp-client';

/** What the leader can do with its team. */
export interface TeamTools {
  /** @returns the teammates in words, as the worker wrote them. */
  listTeammates(): Promise<string>;
  /** Resolves with the teammate's answer, however long it takes; rejects with its failure. */
  delegate(agent: string, task: string): Promise<string>;
}

/** Starts the MCP server that was handed over and checks that it is the team's. */
export async function connectTeamTools(servers: readonly McpServerSpec[]): Promise<TeamTools> {
  for (const server of servers) {
    const client = await McpClient.start(server);
    const tools = await client.listTools();
    if (tools.includes('list_teammates') && tools.includes('delegate')) {
      return {
        listTeammates: () => client.callTool('list_teammates', {}),
        delegate: (agent, task) => client.callTool('delegate', { agent, task }),
      };
    }
    client.stop();
  }
  throw new Error('none of the MCP servers has the tools of a team');
}
