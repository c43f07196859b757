import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { AcpOutput } from './acp-output';
import { JsonRpcPeer, RPC_CODES, RpcFailure } from './json-rpc';
import type { RpcId } from './json-rpc';
import { LineWriter, readLines } from './lines';
import type { McpServerSpec } from './mcp-client';
import { perform } from './perform';
import { recordPrompt } from './record-prompt';
import type { Settings } from './settings';
import { connectTeamTools } from './team-tools';
import type { TeamTools } from './team-tools';
import { Turn } from './turn';

interface Session {
  readonly id: string;
  readonly workspace: string;
  readonly team: (() => Promise<TeamTools>) | null;
  mode: string;
  turn: AbortController | null;
}

type Params = Readonly<Record<string, unknown>>;

const PROTOCOL_VERSION = 1;
const MODES = [
  { id: 'default', name: 'Default' },
  { id: 'unattended', name: 'Unattended' },
];

/** The demo agent as an ACP v1 agent on stdin and stdout. Ends when stdin ends, and for no other outer reason. */
export class AcpAgent {
  private readonly sessions = new Map<string, Session>();
  private readonly writer = new LineWriter(process.stdout);
  private readonly peer: JsonRpcPeer;

  constructor(private readonly settings: Settings) {
    this.peer = new JsonRpcPeer(this.writer, {
      requests: {
        initialize: () => this.initialize(),
        'session/new': (params) => this.newSession(params),
        'session/set_mode': (params) => this.setMode(params),
        'session/prompt': (params, id) => this.prompt(params, id),
      },
      notifications: {
        'session/cancel': (params) => this.sessions.get(String(params['sessionId']))?.turn?.abort(),
      },
    });
  }

  start(): void {
    readLines(
      process.stdin,
      (line) => this.peer.receive(line),
      () => process.exit(0),
    );
  }

  private async initialize(): Promise<unknown> {
    const { isHandshakeMissing, handshakeDelayMs } = this.settings;
    if (isHandshakeMissing) return new Promise(() => undefined);
    if (handshakeDelayMs > 0) await new Promise((resolve) => setTimeout(resolve, handshakeDelayMs));
    return {
      protocolVersion: PROTOCOL_VERSION,
      agentCapabilities: {
        loadSession: false,
        promptCapabilities: { image: false, audio: false, embeddedContext: false },
      },
      authMethods: [],
      agentInfo: { name: 'crewtab-demo-agent', title: 'Crewtab demo agent', version: '1.0.0' },
    };
  }

  private newSession(params: Params): Promise<unknown> {
    if (this.settings.hasSessionError)
      return Promise.reject(new RpcFailure(RPC_CODES.internal, 'DEMO_SESSION_ERROR is set'));
    const { cwd, mcpServers } = params;
    const session: Session = {
      id: `demo-${randomUUID()}`,
      workspace: typeof cwd === 'string' && existsSync(cwd) ? cwd : process.cwd(),
      team: teamConnector(stdioServers(mcpServers)),
      mode: 'default',
      turn: null,
    };
    this.sessions.set(session.id, session);
    setImmediate(() => this.misbehave()); // when this is answered
    return Promise.resolve({ sessionId: session.id, modes: { currentModeId: session.mode, availableModes: MODES } });
  }

  private misbehave(): void {
    const { exitAfterHandshake, stopsReading } = this.settings;
    if (exitAfterHandshake !== null) process.exit(exitAfterHandshake);
    if (!stopsReading) return;
    process.stdin.pause();
    setInterval(() => undefined, 60_000); // Node ends when it waits for nothing
  }

  private setMode(params: Params): Promise<unknown> {
    const session = this.sessionOf(params);
    const modeId = String(params['modeId']);
    if (!MODES.some(({ id }) => id === modeId))
      throw new RpcFailure(RPC_CODES.invalidParams, `there is no mode ${modeId}`);
    session.mode = modeId;
    return Promise.resolve({});
  }

  private async prompt(params: Params, requestId: RpcId): Promise<unknown> {
    const text = textOf(params['prompt']);
    recordPrompt(this.settings, { protocol: 'acp', requestId, text });
    const session = this.sessionOf(params);
    if (session.turn) throw new RpcFailure(RPC_CODES.invalidRequest, 'a turn is already going on in this session');
    session.turn = new AbortController();
    const output = new AcpOutput(this.peer, this.writer, session.id);
    const { workspace, team, mode } = session;
    const turn = new Turn({ output, signal: session.turn.signal, workspace, team, mode, settings: this.settings });
    const end = await perform(turn, text);
    output.close();
    session.turn = null;
    if ('error' in end) throw new RpcFailure(RPC_CODES.internal, end.error);
    return { stopReason: end.reason };
  }

  private sessionOf(params: Params): Session {
    const session = this.sessions.get(String(params['sessionId']));
    if (!session) throw new RpcFailure(RPC_CODES.invalidParams, `there is no session ${String(params['sessionId'])}`);
    return session;
  }
}

/** The text blocks of a prompt, one under the other. */
function textOf(prompt: unknown): string {
  if (!Array.isArray(prompt)) throw new RpcFailure(RPC_CODES.invalidParams, 'prompt must be a list of content blocks');
  const blocks = prompt as { type?: unknown; text?: unknown }[];
  return blocks
    .filter((block) => block.type === 'text')
    .map((block) => String(block.text))
    .join('\n');
}

/** Servers over HTTP bear a `type`; those over stdio don't. */
function stdioServers(value: unknown): McpServerSpec[] {
  const servers = Array.isArray(value) ? (value as (McpServerSpec & { type?: unknown })[]) : [];
  return servers.filter((server) => server.type === undefined);
}

/** Connects once, when first needed. */
function teamConnector(servers: readonly McpServerSpec[]): (() => Promise<TeamTools>) | null {
  if (servers.length === 0) return null;
  let connected: Promise<TeamTools> | null = null;
  return () => (connected ??= connectTeamTools(servers));
}
