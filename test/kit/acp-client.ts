import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { Readable, Writable } from 'node:stream';
import { client, ndJsonStream, RequestError } from '@agentclientprotocol/sdk';
import type { ClientConnection, McpServer, RequestPermissionOutcome, SessionUpdate } from '@agentclientprotocol/sdk';

/** A request's answer as a value. */
export interface Answer {
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: RequestError;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

interface SessionOptions {
  readonly cwd?: string;
  readonly mcpServers?: readonly McpServer[];
}

/** An ACP client around a child process, for trying agents out that keep to the protocol. */
export class AcpClient {
  readonly updates: SessionUpdate[] = [];
  stderr = '';
  readonly exit: Promise<Exit>;
  /** The answer to permission requests. */
  permission: RequestPermissionOutcome = { outcome: 'selected', optionId: 'allow' };
  private readonly watchers = new Set<() => void>();
  private readonly connection: ClientConnection;
  private sessionId = '';

  constructor(readonly child: ChildProcessWithoutNullStreams) {
    child.stderr.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    child.stdin.on('error', () => undefined);
    this.exit = new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal })));
    const stdout = Readable.toWeb(child.stdout) as ReadableStream<Uint8Array>;
    this.connection = client({ name: 'crewtab-test' })
      .onNotification('session/update', ({ params }) => this.receive(params.update))
      .onRequest('session/request_permission', () => ({ outcome: this.permission }))
      .connect(ndJsonStream(Writable.toWeb(child.stdin) as WritableStream<Uint8Array>, stdout));
  }

  static start(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): AcpClient {
    return new AcpClient(
      spawn(command, [...args], { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] }),
    );
  }

  initialize(): Promise<Answer> {
    return this.request('initialize', { protocolVersion: 1, clientCapabilities: {} });
  }

  async newSession({ cwd = process.cwd(), mcpServers = [] }: SessionOptions = {}): Promise<Answer> {
    const answer = await this.request('session/new', { cwd, mcpServers });
    this.sessionId = String(answer.result?.['sessionId']);
    return answer;
  }

  /** initialize and session/new, as any client begins. */
  async handshake(options: SessionOptions = {}): Promise<Answer> {
    await this.initialize();
    return this.newSession(options);
  }

  prompt(text: string): Promise<Answer> {
    return this.request('session/prompt', { sessionId: this.sessionId, prompt: [{ type: 'text', text }] });
  }

  setMode(modeId: string): Promise<Answer> {
    return this.request('session/set_mode', { sessionId: this.sessionId, modeId });
  }

  cancel(): Promise<void> {
    return this.connection.agent.notify('session/cancel', { sessionId: this.sessionId });
  }

  /** Stays open when the agent ends without an answer. */
  async request(method: string, params: object): Promise<Answer> {
    try {
      return { result: await this.connection.agent.request(method, params) };
    } catch (error) {
      if (error instanceof RequestError) return { error };
      if (this.connection.signal.aborted) return new Promise(() => undefined);
      throw error;
    }
  }

  /** The message text so far. */
  text(): string {
    return textOf(this.updates);
  }

  /** Resolves at the first update received after which `isTrue` holds. Jest's own time limit bounds it. */
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

  /** Past the client, for what no client would send. */
  writeLine(line: string): void {
    this.child.stdin.write(`${line}\n`);
  }

  /** Ends stdin, which ends the agent. */
  close(): Promise<Exit> {
    this.child.stdin.end();
    return this.exit;
  }

  private receive(update: SessionUpdate): void {
    this.updates.push(update);
    for (const check of this.watchers) check();
  }
}

/** The message text of these updates. */
export function textOf(updates: readonly SessionUpdate[]): string {
  return updates
    .filter((update) => update.sessionUpdate === 'agent_message_chunk')
    .map(({ content }) => (content.type === 'text' ? content.text : ''))
    .join('');
}
