import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { agent, PROTOCOL_VERSION, RequestError } from '@agentclientprotocol/sdk';
import type {
  AgentContext,
  AgentRequestContext,
  ContentBlock,
  InitializeResponse,
  McpServer,
  McpServerStdio,
  NewSessionRequest,
  NewSessionResponse,
  PromptRequest,
  PromptResponse,
  SetSessionModeRequest,
} from '@agentclientprotocol/sdk';
import { AcpOutput } from './acp-output';
import { perform } from './perform';
import { recordPrompt } from './record-prompt';
import type { Settings } from './settings';
import { stdioStream } from './stdio';
import { connectTeamTools } from './team-tools';
import type { TeamTools } from './team-tools';
import { Turn } from './turn';
import type { TurnEnd } from './turn';

interface Session {
  readonly id: string;
  readonly workspace: string;
  readonly team: (() => Promise<TeamTools>) | null;
  readonly servers: readonly McpServerStdio[];
  mode: string;
  turn: AbortController | null;
}

const MODES = [
  { id: 'default', name: 'Default' },
  { id: 'unattended', name: 'Unattended' },
];
/** JSON-RPC's own codes. */
const CODES = { invalidRequest: -32600, invalidParams: -32602, internal: -32603 } as const;

/** The demo agent as an ACP v1 agent on stdin and stdout. Ends when stdin ends, and for no other outer reason. */
export class AcpAgent {
  private readonly sessions = new Map<string, Session>();

  constructor(private readonly settings: Settings) {}

  start(): void {
    const connection = agent({ name: 'crewtab-demo-agent' })
      .onRequest('initialize', () => this.initialize())
      .onRequest('session/new', ({ params }) => this.newSession(params))
      .onRequest('session/set_mode', ({ params }) => this.setMode(params))
      .onRequest('session/prompt', (context) => this.prompt(context))
      .onNotification('session/cancel', ({ params }) => this.sessions.get(params.sessionId)?.turn?.abort())
      .connect(stdioStream());
    void connection.closed.then(() => process.exit(0));
  }

  private async initialize(): Promise<InitializeResponse> {
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

  private newSession({ cwd, mcpServers }: NewSessionRequest): NewSessionResponse {
    if (this.settings.hasSessionError) throw new RequestError(CODES.internal, 'DEMO_SESSION_ERROR is set');
    const servers = mcpServers.filter(isStdioServer);
    const session: Session = {
      id: `demo-${randomUUID()}`,
      workspace: existsSync(cwd) ? cwd : process.cwd(),
      team: teamConnector(servers),
      servers,
      mode: 'default',
      turn: null,
    };
    this.sessions.set(session.id, session);
    setImmediate(() => this.misbehave()); // when this is answered
    return { sessionId: session.id, modes: { currentModeId: session.mode, availableModes: MODES } };
  }

  private misbehave(): void {
    const { exitAfterHandshake, stopsReading } = this.settings;
    if (exitAfterHandshake !== null) process.exit(exitAfterHandshake);
    if (!stopsReading) return;
    process.stdin.pause();
    setInterval(() => undefined, 60_000); // Node ends when it waits for nothing
  }

  private setMode({ sessionId, modeId }: SetSessionModeRequest): void {
    const session = this.sessionOf(sessionId);
    if (!MODES.some(({ id }) => id === modeId))
      throw new RequestError(CODES.invalidParams, `there is no mode ${modeId}`);
    session.mode = modeId;
  }

  private async prompt({ params, requestId, client }: AgentRequestContext<PromptRequest>): Promise<PromptResponse> {
    const text = textOf(params.prompt);
    recordPrompt(this.settings, { protocol: 'acp', requestId: turnOf(params) ?? requestId, text });
    const session = this.sessionOf(params.sessionId);
    if (session.turn) throw new RequestError(CODES.invalidRequest, 'a turn is already going on in this session');
    session.turn = new AbortController();
    const end = await this.perform(session, session.turn.signal, client, text);
    session.turn = null;
    if ('error' in end) throw new RequestError(CODES.internal, end.error);
    return { stopReason: end.reason };
  }

  private async perform(session: Session, signal: AbortSignal, client: AgentContext, text: string): Promise<TurnEnd> {
    const output = new AcpOutput(client, session.id);
    const { workspace, team, servers, mode } = session;
    const turn = new Turn({ output, signal, workspace, team, servers, mode, settings: this.settings });
    const end = await perform(turn, text);
    output.close();
    return end;
  }

  private sessionOf(id: string): Session {
    const session = this.sessions.get(id);
    if (!session) throw new RequestError(CODES.invalidParams, `there is no session ${id}`);
    return session;
  }
}

/** Crewtab's own name of the turn. */
function turnOf({ _meta }: PromptRequest): unknown {
  const { crewtab } = (_meta ?? {}) as { readonly crewtab?: { readonly turn?: unknown } };
  return crewtab?.turn;
}

/** The text blocks of a prompt, one under the other. */
function textOf(prompt: readonly ContentBlock[]): string {
  return prompt.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('\n');
}

/** Servers over HTTP bear a `type`; those over stdio don't. */
function isStdioServer(server: McpServer): server is McpServerStdio {
  return !('type' in server);
}

/** Connects once, when first needed. */
function teamConnector(servers: readonly McpServerStdio[]): (() => Promise<TeamTools>) | null {
  if (servers.length === 0) return null;
  let connected: Promise<TeamTools> | null = null;
  return () => (connected ??= connectTeamTools(servers));
}
