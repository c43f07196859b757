import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as readText } from 'node:stream/consumers';

/** A server over stdio with one tool, which tells the value of its variable KNOWS. For `node -e`. */
export const MCP_SERVER_PROGRAM = `
const answer = ${answerMessage.toString()};
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const message = answer(JSON.parse(line), process.env.KNOWS);
  if (message) process.stdout.write(JSON.stringify(message) + '\\n');
});
`;

interface McpMessage {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: { readonly protocolVersion?: string };
}

/** Without anything from outside of it: its source runs in containers too. */
function answerMessage({ id, method, params }: McpMessage, known: string | undefined): object | null {
  if (id === undefined) return null;
  const results: Record<string, object> = {
    initialize: {
      protocolVersion: params?.protocolVersion,
      capabilities: { tools: {} },
      serverInfo: { name: 'knows', version: '1.0.0' },
    },
    'tools/list': {
      tools: [{ name: 'tell', description: 'Tells what it knows.', inputSchema: { type: 'object', properties: {} } }],
    },
    'tools/call': { content: [{ type: 'text', text: known }] },
    ping: {},
  };
  const result = results[method ?? ''];
  return result
    ? { jsonrpc: '2.0', id, result }
    : { jsonrpc: '2.0', id, error: { code: -32601, message: 'there is no such method' } };
}

export interface HttpMcpServer {
  readonly url: string;
  readonly host: string;
  /** What its clients sent as `Authorization`. */
  readonly keys: readonly string[];
  close(): Promise<void>;
}

/** The same over HTTP, without streams. */
export async function startMcpServer(address: string): Promise<HttpMcpServer> {
  const keys: string[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      keys.push(request.headers.authorization ?? '');
      if (request.method !== 'POST') return response.writeHead(405).end();
      const answer = answerMessage(JSON.parse(await readText(request)) as McpMessage, 'what is outside');
      if (!answer) return response.writeHead(202).end();
      return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    })().catch((error: unknown) => response.destroy(error instanceof Error ? error : new Error(String(error))));
  });
  await once(server.listen(0, address), 'listening');
  const host = `${address}:${(server.address() as AddressInfo).port}`;
  const close = async (): Promise<void> => {
    const closed = once(server.close(), 'close');
    server.closeAllConnections();
    await closed;
  };
  return { url: `http://${host}/mcp`, host, keys, close };
}
