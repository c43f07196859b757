/**
 * The team's tools for an agent in a container: an MCP server over stdio that forwards tool calls to the worker over a
 * mounted unix socket. One file without dependencies, so that it can be put into any image that has Node.
 *
 * On the socket, one JSON object a line: `{ id, agent, tool, arguments }` there, `{ id, result: { text } }` or
 * `{ id, error: { message } }` back. The worker may be restarted or replaced at any moment: the bridge connects again
 * and sends every unanswered call again *with the same id*, for as long as it takes, so that the agent sees only a
 * slow tool. The worker must therefore treat an id that it knows as the same call.
 *
 * Environment: CREWTAB_TEAM_SOCKET (path of the socket), CREWTAB_AGENT (the agent's name in its team).
 */
import { randomBytes } from 'node:crypto';
import { createConnection } from 'node:net';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';

type Json = Readonly<Record<string, unknown>>;
type Answer = { readonly text: string; readonly isError: boolean };
interface Call {
  readonly line: string;
  settle(answer: Answer): void;
}

const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 1_000;
/** The worker takes no longer call. */
const LONGEST_CALL_BYTES = 16 * 1024 * 1024;
/** How often a client that asked for progress hears that the call is still going on. */
const PROGRESS_MS = 10_000;
/** Newest first; a client that wants another one is answered with the newest. */
const PROTOCOL_VERSIONS = ['2025-06-18', '2025-03-26', '2024-11-05'];

const TOOLS = [
  {
    name: 'list_teammates',
    description:
      'Lists the other members of your team: their names, roles and what they are for. Call it before you delegate for the first time.',
    inputSchema: { type: 'object', properties: {}, additionalProperties: false },
  },
  {
    name: 'delegate',
    description:
      'Gives a task to one teammate and waits for the answer, which is returned as text. It may take many minutes. The teammate does not see ' +
      'your conversation, so say everything that the task needs. Files in the shared workspace are visible to both of you. Calls to different ' +
      'teammates may be made at the same time.',
    inputSchema: {
      type: 'object',
      properties: {
        agent: { type: 'string', minLength: 1, description: "The teammate's name, as list_teammates shows it." },
        task: {
          type: 'string',
          minLength: 1,
          description: 'The whole task in words, with the form of the answer that you want.',
        },
      },
      required: ['agent', 'task'],
      additionalProperties: false,
    },
  },
];

/** Same as in the demo agent: only `\n` ends a line, and a line of many MB is joined once. */
function readLines(stream: Readable, onLine: (line: string) => void): void {
  let parts: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => {
    let from = 0;
    for (let newline = chunk.indexOf(10); newline !== -1; newline = chunk.indexOf(10, from)) {
      parts.push(chunk.subarray(from, newline));
      onLine(Buffer.concat(parts).toString('utf8'));
      parts = [];
      from = newline + 1;
    }
    if (from < chunk.length) parts.push(chunk.subarray(from));
  });
}

function parseObject(line: string): Json | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : null;
  } catch {
    return null;
  }
}

/**
 * Calls to the worker that survive its absence. Connects when there is a call to send, stays connected, and connects
 * again only while a call is unanswered.
 */
class TeamSocket {
  private readonly unanswered = new Map<string, Call>();
  private readonly nonce = randomBytes(8).toString('hex');
  private count = 0;
  private socket: Socket | null = null;
  private isReady = false;
  private backoffMs = FIRST_BACKOFF_MS;
  private retry: NodeJS.Timeout | null = null;

  constructor(
    private readonly path: string,
    private readonly agent: string,
  ) {}

  /** @returns the id to forget the call by. Unique in the run, since no two bridges share a nonce. */
  call(tool: string, args: Json, settle: (answer: Answer) => void): string {
    const id = `${this.agent}-${this.nonce}-${++this.count}`;
    const line = `${JSON.stringify({ id, agent: this.agent, tool, arguments: args })}\n`;
    if (Buffer.byteLength(line) > LONGEST_CALL_BYTES) {
      const text = `too long: a call has at most ${LONGEST_CALL_BYTES} bytes. Put it into a file of the shared workspace.`;
      setImmediate(() => settle({ text, isError: true }));
      return id;
    }
    this.unanswered.set(id, { line, settle });
    if (this.isReady) this.socket?.write(line);
    else this.connect();
    return id;
  }

  /** The answer is not wanted any more. */
  forget(id: string): void {
    this.unanswered.delete(id);
  }

  private connect(): void {
    if (this.socket || this.retry) return;
    const socket = createConnection(this.path);
    this.socket = socket;
    let reason = 'the other side closed it';
    socket.on('connect', () => {
      this.isReady = true;
      for (const { line } of this.unanswered.values()) socket.write(line);
    });
    readLines(socket, (line) => this.receive(line));
    socket.on('error', (error) => (reason = error.message));
    socket.on('close', () => this.disconnected(reason));
  }

  private disconnected(reason: string): void {
    this.socket = null;
    this.isReady = false;
    if (this.unanswered.size === 0) return;
    // Said once per outage: every further attempt would only repeat it.
    if (this.backoffMs === FIRST_BACKOFF_MS)
      process.stderr.write(`team-bridge: no connection to the worker (${reason}), trying again\n`);
    this.retry = setTimeout(() => {
      this.retry = null;
      this.connect();
    }, this.backoffMs);
    this.backoffMs = Math.min(2 * this.backoffMs, LONGEST_BACKOFF_MS);
  }

  private receive(line: string): void {
    const message = parseObject(line);
    // Only an answer proves that somebody serves the socket: a worker that accepts and dies must not be hammered.
    if (message) this.backoffMs = FIRST_BACKOFF_MS;
    const id = String(message?.['id']);
    const call = this.unanswered.get(id);
    if (!message || !call) return;
    this.unanswered.delete(id);
    const error = message['error'] as { message?: unknown } | undefined;
    const result = message['result'] as { text?: string } | undefined;
    call.settle(error ? { text: String(error.message), isError: true } : { text: result?.text ?? '', isError: false });
  }
}

/** The MCP side. Everything but the tool calls themselves is answered here, whether the worker is there or not. */
class TeamBridge {
  /** Ids on the socket of calls that go on, by the id of the MCP request. */
  private readonly ongoing = new Map<unknown, string>();

  constructor(private readonly team: TeamSocket) {}

  receive(line: string): void {
    if (line.trim() === '') return;
    const message = parseObject(line);
    if (!message) return this.fail(null, -32700, 'not a JSON-RPC message');
    const id = message['id'];
    const params = (message['params'] ?? {}) as Json;
    if (id === undefined) return this.hear(message['method'], params);
    switch (message['method']) {
      case 'initialize':
        return this.reply(id, initialized(params));
      case 'ping':
        return this.reply(id, {});
      case 'tools/list':
        return this.reply(id, { tools: TOOLS });
      case 'tools/call':
        return this.callTool(id, params);
      default:
        return this.fail(id, -32601, `there is no method ${String(message['method'])}`);
    }
  }

  /** MCP wants no answer to a cancelled request. The delegated work itself goes on; the run's deadline bounds it. */
  private hear(method: unknown, params: Json): void {
    if (method !== 'notifications/cancelled') return;
    const callId = this.ongoing.get(params['requestId']);
    if (callId === undefined) return;
    this.team.forget(callId);
    this.ongoing.delete(params['requestId']);
  }

  private callTool(id: unknown, params: Json): void {
    const tool = TOOLS.find(({ name }) => name === params['name']);
    if (!tool) return this.fail(id, -32602, `there is no tool ${String(params['name'])}`);
    const args = (params['arguments'] ?? {}) as Json;
    const missing = (tool.inputSchema.required ?? []).filter(
      (name) => typeof args[name] !== 'string' || args[name] === '',
    );
    if (missing.length > 0)
      return this.finish(id, { text: `missing, or not a text: ${missing.join(', ')}`, isError: true });
    const progress = this.startProgress(params, tool.name);
    const callId = this.team.call(tool.name, args, (answer) => {
      clearInterval(progress);
      this.ongoing.delete(id);
      this.finish(id, answer);
    });
    this.ongoing.set(id, callId);
  }

  /** Keeps a client that watches for progress from giving up on a long delegation. */
  private startProgress(params: Json, tool: string): NodeJS.Timeout | undefined {
    const progressToken = (params['_meta'] as Json | undefined)?.['progressToken'];
    if (progressToken === undefined) return undefined;
    let progress = 0;
    return setInterval(() => {
      const message = `${tool} is still going on`;
      this.send({ method: 'notifications/progress', params: { progressToken, progress: ++progress, message } });
    }, PROGRESS_MS);
  }

  private finish(id: unknown, { text, isError }: Answer): void {
    this.reply(id, { content: [{ type: 'text', text }], isError });
  }

  private reply(id: unknown, result: object): void {
    this.send({ id, result });
  }

  private fail(id: unknown, code: number, message: string): void {
    this.send({ id, error: { code, message } });
  }

  private send(message: object): void {
    process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }
}

function initialized(params: Json): object {
  const asked = String(params['protocolVersion']);
  return {
    protocolVersion: PROTOCOL_VERSIONS.includes(asked) ? asked : PROTOCOL_VERSIONS[0],
    capabilities: { tools: {} },
    serverInfo: { name: 'crewtab-team', title: 'Crewtab team', version: '1.0.0' },
    instructions: 'You lead a team of agents. list_teammates shows who they are, delegate gives one of them a task.',
  };
}

function main(): void {
  const { CREWTAB_TEAM_SOCKET: path, CREWTAB_AGENT: agent } = process.env;
  if (!path || !agent) {
    process.stderr.write('team-bridge: CREWTAB_TEAM_SOCKET and CREWTAB_AGENT must be set\n');
    process.exit(2);
  }
  const bridge = new TeamBridge(new TeamSocket(path, agent));
  readLines(process.stdin, (line) => bridge.receive(line));
  // The agent is gone, and with it everybody who could want an answer.
  const leave = (): void => process.exit(0);
  process.stdin.on('end', leave);
  process.stdin.on('error', leave);
  process.stdout.on('error', leave);
}

main();
