import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { LineWriter, readLines } from './lines';

/** An MCP server over stdio, as ACP's `session/new` names it. */
export interface McpServerSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
}

interface Waiting {
  readonly resolve: (result: Record<string, unknown>) => void;
  readonly reject: (error: Error) => void;
}

/** How long a server may take for its first answer. Tool calls have no limit: a delegated task takes what it takes. */
const INITIALIZE_LIMIT_MS = 30_000;

/** A small MCP client over a child's stdio, one JSON-RPC message a line. Every call fails when the child ends. */
export class McpClient {
  private readonly waiting = new Map<number, Waiting>();
  private readonly writer: LineWriter;
  private lastId = 0;
  private ended: Error | null = null;

  private constructor(
    private readonly child: ChildProcessWithoutNullStreams,
    private readonly name: string,
  ) {
    this.writer = new LineWriter(child.stdin);
    readLines(
      child.stdout,
      (line) => this.receive(line),
      () => undefined,
    );
    child.on('error', (error) => this.end(error));
    child.on('close', (code, signal) =>
      this.end(new Error(`MCP server ${name} ended (${signal ?? `exit code ${code}`})`)),
    );
  }

  static async start(spec: McpServerSpec): Promise<McpClient> {
    const added = Object.fromEntries(spec.env.map(({ name, value }) => [name, value]));
    const child = spawn(spec.command, [...spec.args], {
      env: { ...process.env, ...added },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    child.stderr.pipe(process.stderr, { end: false });
    const client = new McpClient(child, spec.name);
    await client.initialize();
    return client;
  }

  async listTools(): Promise<string[]> {
    const { tools } = await this.request('tools/list', {});
    return Array.isArray(tools) ? tools.map((tool: { name?: unknown }) => String(tool.name)) : [];
  }

  /** @returns the text of the tool's result; rejects with it when the tool reports an error. */
  async callTool(name: string, args: Readonly<Record<string, string>>): Promise<string> {
    const result = await this.request('tools/call', { name, arguments: args });
    const blocks = Array.isArray(result['content']) ? (result['content'] as { type?: unknown; text?: unknown }[]) : [];
    const text = blocks
      .filter((block) => block.type === 'text')
      .map((block) => String(block.text))
      .join('\n');
    if (result['isError'] === true) throw new Error(text || `${name} failed`);
    return text;
  }

  /** The end of its stdin ends the server. */
  stop(): void {
    this.child.stdin.end();
  }

  private async initialize(): Promise<void> {
    const clientInfo = { name: 'crewtab-demo-agent', version: '1.0.0' };
    const limit = setTimeout(() => {
      this.end(new Error(`MCP server ${this.name} did not answer in ${INITIALIZE_LIMIT_MS} ms`));
      this.child.kill('SIGKILL');
    }, INITIALIZE_LIMIT_MS);
    try {
      await this.request('initialize', { protocolVersion: '2025-06-18', capabilities: {}, clientInfo });
    } finally {
      clearTimeout(limit);
    }
    await this.writer.write(`${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' })}\n`);
  }

  private request(method: string, params: unknown): Promise<Record<string, unknown>> {
    if (this.ended) return Promise.reject(this.ended);
    const id = ++this.lastId;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      void this.writer.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`);
    });
  }

  private receive(line: string): void {
    const message = parseMessage(line);
    const waiting = typeof message?.id === 'number' ? this.waiting.get(message.id) : undefined;
    if (!message || !waiting) return;
    this.waiting.delete(message.id as number);
    if (message.error) waiting.reject(new Error(String(message.error.message)));
    else waiting.resolve(message.result ?? {});
  }

  private end(error: Error): void {
    this.ended ??= error;
    for (const { reject } of this.waiting.values()) reject(this.ended);
    this.waiting.clear();
  }
}

interface McpAnswer {
  id?: unknown;
  result?: Record<string, unknown>;
  error?: { message?: unknown };
}

/** Lines that are not JSON objects are somebody's log: passed over. */
function parseMessage(line: string): McpAnswer | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value : null;
  } catch {
    return null;
  }
}
