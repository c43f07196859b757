import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { readLines } from '../demo-agent/lines';
import type { McpServerSpec } from '../demo-agent/mcp-client';

export interface SessionUpdate {
  readonly sessionUpdate: string;
  readonly [field: string]: unknown;
}

export interface RpcAnswer {
  readonly id: unknown;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly code: number; readonly message: string };
}

interface RpcLine extends RpcAnswer {
  readonly method?: string;
  readonly params?: { readonly update?: SessionUpdate };
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A plain ACP client around a child process, for trying the demo agent out. Knows nothing that is not on the wire. */
export class AcpClient {
  readonly updates: SessionUpdate[] = [];
  /** Lines of stdout that are not JSON. */
  readonly garbage: string[] = [];
  stderr = '';
  readonly exit: Promise<Exit>;
  /** The answer to permission requests; null leaves them unanswered. */
  permission: object | null = { outcome: 'selected', optionId: 'allow' };
  private readonly answers = new Map<unknown, (answer: RpcAnswer) => void>();
  private readonly watchers = new Set<() => void>();
  private sessionId: unknown = null;
  private lastId = 0;

  constructor(readonly child: ChildProcessWithoutNullStreams) {
    readLines(
      child.stdout,
      (line) => this.receive(line),
      () => undefined,
    );
    child.stderr.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    child.stdin.on('error', () => undefined);
    this.exit = new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal })));
  }

  static start(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): AcpClient {
    return new AcpClient(
      spawn(command, [...args], { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] }),
    );
  }

  /** initialize and session/new, as any client begins. */
  async handshake(options: { cwd?: string; mcpServers?: readonly McpServerSpec[] } = {}): Promise<RpcAnswer> {
    await this.request('initialize', { protocolVersion: 1, clientCapabilities: {} });
    const { cwd = process.cwd(), mcpServers = [] } = options;
    const answer = await this.request('session/new', { cwd, mcpServers });
    this.sessionId = answer.result?.['sessionId'];
    return answer;
  }

  prompt(text: string): Promise<RpcAnswer> {
    return this.request('session/prompt', { sessionId: this.sessionId, prompt: [{ type: 'text', text }] });
  }

  setMode(modeId: string): Promise<RpcAnswer> {
    return this.request('session/set_mode', { sessionId: this.sessionId, modeId });
  }

  cancel(): void {
    this.write({ jsonrpc: '2.0', method: 'session/cancel', params: { sessionId: this.sessionId } });
  }

  request(method: string, params: object): Promise<RpcAnswer> {
    const id = `${method}:${++this.lastId}`;
    return new Promise((resolve) => {
      this.answers.set(id, resolve);
      this.write({ jsonrpc: '2.0', id, method, params });
    });
  }

  /** The message text so far. */
  text(): string {
    return this.updates
      .filter(({ sessionUpdate }) => sessionUpdate === 'agent_message_chunk')
      .map((update) => (update['content'] as { text: string }).text)
      .join('');
  }

  /** Resolves at the first line received after which `isTrue` holds. Jest's own time limit bounds it. */
  until(isTrue: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (!isTrue()) return;
        this.watchers.delete(check);
        resolve();
      };
      this.watchers.add(check);
      check();
    });
  }

  writeLine(line: string): void {
    this.child.stdin.write(`${line}\n`);
  }

  /** Ends stdin, which ends the agent. */
  close(): Promise<Exit> {
    this.child.stdin.end();
    return this.exit;
  }

  private write(message: object): void {
    this.writeLine(JSON.stringify(message));
  }

  private receive(line: string): void {
    const message = parse(line);
    if (!message) this.garbage.push(line);
    else if (message.method === 'session/update' && message.params?.update) this.updates.push(message.params.update);
    else if (message.method === 'session/request_permission') this.answerPermission(message.id);
    else {
      this.answers.get(message.id)?.(message);
      this.answers.delete(message.id);
    }
    for (const check of this.watchers) check();
  }

  private answerPermission(id: unknown): void {
    if (this.permission) this.write({ jsonrpc: '2.0', id, result: { outcome: this.permission } });
  }
}

function parse(line: string): RpcLine | null {
  try {
    return JSON.parse(line) as RpcLine;
  } catch {
    return null;
  }
}
