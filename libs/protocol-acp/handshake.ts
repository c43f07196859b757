import type {
  AuthenticateRequest,
  InitializeRequest,
  McpServer,
  NewSessionRequest,
  SetSessionConfigOptionRequest,
  SetSessionModeRequest,
} from '@agentclientprotocol/sdk';
import type { DialogueOptions, DialogueState, Outgoing } from '@crewtab/domain/ports/agent-protocol';
import type { Failure } from '@crewtab/domain/errors';
import type { Agent } from '@crewtab/domain/teams/team';
import type { McpServer as AgentMcpServer } from '@crewtab/domain/teams/team';
import { TEAM_SERVER_NAME } from '@crewtab/domain/teams/teammates';
import {
  AUTH_REQUIRED,
  cut,
  isObject,
  METHOD_NOT_FOUND,
  request,
  errorMessage,
  type JsonObject,
  type RpcError,
} from './acp-messages';

const PROTOCOL_VERSION = 1;

export interface HandshakeOptions {
  readonly dialogue: DialogueOptions;
  /** The agent's working directory as the agent itself sees it. */
  readonly clientVersion: string;
}

type Step = 'initialize' | 'authenticate' | 'session' | 'mode';

/**
 * initialize → session/new → session/set_mode (where the agent has a mode) → ready. Each request has a fixed id, so
 * that a response is recognized whichever worker asked; a response that comes twice counts once.
 *
 * | step | waits for | leads to |
 * | --- | --- | --- |
 * | initialize | the agent's protocol version | session, or failed |
 * | session | the session id | mode, or ready, or authenticate (once, where it is wanted), or failed |
 * | authenticate | the agent's consent | session, or failed |
 * | mode | the agent's consent | ready, or failed |
 */
export class Handshake {
  private step: Step = 'initialize';
  private current: DialogueState['handshake'] = { status: 'pending' };
  private session: string | null = null;
  private logins: readonly Login[] = [];
  private login: Login | null = null;
  private modes: readonly string[] = [];
  /** Where the agent has its modes among its configuration options instead. */
  private modeOption: ModeOption | null = null;

  constructor(private readonly options: HandshakeOptions) {}

  get state(): DialogueState['handshake'] {
    return this.current;
  }

  /** Null before the agent has given one. */
  get sessionId(): string | null {
    return this.session;
  }

  /** The method that the agent has not answered yet; null when the handshake is over. */
  get waitsFor(): string | null {
    return this.current.status === 'pending' ? this.method : null;
  }

  private get method(): string {
    return this.step === 'mode' && this.modeOption ? 'session/set_config_option' : METHODS[this.step];
  }

  /** The request that the agent has not answered yet; none when the handshake is over. */
  pendingRequest(): Outgoing[] {
    if (this.current.status !== 'pending') return [];
    return [request(IDS[this.step], this.method, this.paramsOf(this.step))];
  }

  /** True where `id` belongs to the request that is waited for. Workers before 0.2 sent the step's name. */
  isWaitingFor(id: unknown): boolean {
    return this.current.status === 'pending' && (id === IDS[this.step] || id === this.step);
  }

  /** Takes the answer to the pending request. @returns the next request */
  succeed(result: unknown): Outgoing[] {
    const failure = this.takeResult(isObject(result) ? result : {});
    if (failure) {
      this.fail({ code: 'handshake_failed', message: this.named(failure) });
      return [];
    }
    return this.pendingRequest();
  }

  /** Takes an error as the answer to the pending request. @returns the next request */
  refuse(error: RpcError): Outgoing[] {
    if (this.step === 'session' && error.code === AUTH_REQUIRED && this.login === null) {
      this.login = chooseLogin(this.logins, this.options.dialogue.agent);
      if (this.login !== null) {
        this.step = 'authenticate';
        return this.pendingRequest();
      }
    }
    this.fail({ code: 'handshake_failed', message: this.named(this.explain(error)) });
    return [];
  }

  /** The end of the agent's process ends a handshake that is under way. */
  fail(failure: Failure): void {
    if (this.current.status === 'pending') this.current = { status: 'failed', failure };
  }

  private takeResult(result: JsonObject): string | null {
    switch (this.step) {
      case 'initialize':
        return this.takeInitialize(result);
      case 'authenticate':
        this.step = 'session';
        return null;
      case 'session':
        return this.takeSession(result);
      case 'mode':
        this.current = { status: 'ready' };
        return null;
    }
  }

  private takeInitialize(result: JsonObject): string | null {
    const version = result['protocolVersion'];
    if (version !== PROTOCOL_VERSION) {
      return `speaks version ${JSON.stringify(version) ?? 'none'} of the Agent Client Protocol, Crewtab speaks ${PROTOCOL_VERSION}`;
    }
    this.logins = loginsOf(result['authMethods']);
    const overHttp = (this.options.dialogue.agent.mcpServers ?? []).filter(({ url }) => url !== undefined);
    if (overHttp.length > 0 && !takesHttp(result['agentCapabilities']))
      return `takes no MCP servers over HTTP, and is to have ${overHttp.map(({ name }) => name).join(', ')}`;
    this.step = 'session';
    return null;
  }

  private takeSession(result: JsonObject): string | null {
    const { sessionId, modes } = result;
    if (typeof sessionId !== 'string' || sessionId === '') return 'answered session/new without a session id';
    this.session = sessionId;
    this.modes = isObject(modes) ? namesOf(modes['availableModes'], 'id') : [];
    if (this.modes.length === 0) this.modeOption = modeOptionOf(result['configOptions']);
    if (this.options.dialogue.agent.mode) this.step = 'mode';
    else this.current = { status: 'ready' };
    return null;
  }

  private explain(error: RpcError): string {
    const words = errorMessage(error);
    if (error.code === AUTH_REQUIRED) {
      const names = this.logins.map(({ id, name }) => (id === name ? id : `${id} (${name})`)).join(', ');
      const logins = names === '' ? '' : ` (it knows these ways to log in: ${names})`;
      const { authMethod } = this.options.dialogue.agent;
      if (authMethod !== undefined && this.login === null)
        return `wants a login (auth_required): ${words}. It has no authMethod "${authMethod}"${logins}`;
      if (this.logins.length > 1 && this.login === null)
        return `wants a login (auth_required): ${words}. Give it its API key or token in the agent's env, and choose its authMethod${logins}`;
      return `wants a login (auth_required): ${words}. Give it its API key or token in the agent's env${logins}`;
    }
    if (this.step === 'mode') {
      const modes = this.modeOption?.values ?? this.modes;
      const known = modes.length > 0 ? `; it has ${modes.join(', ')}` : '';
      const refusal =
        error.code === METHOD_NOT_FOUND ? 'has no modes' : `refused the mode "${this.options.dialogue.agent.mode}"`;
      return `${refusal}: ${words}${known}`;
    }
    if (this.step === 'authenticate')
      return `refused to log in by "${this.login?.name ?? ''}": ${words}. Check its API key or token in the agent's env`;
    return `answered ${METHODS[this.step]} with an error: ${words}`;
  }

  private named(words: string): string {
    return cut(`agent "${this.options.dialogue.agent.name}" ${words}`);
  }

  private paramsOf(step: Step): object {
    switch (step) {
      case 'initialize':
        return this.initializeParams();
      case 'authenticate':
        return { methodId: this.login?.id ?? '' } satisfies AuthenticateRequest;
      case 'session':
        return { cwd: this.options.dialogue.cwd, mcpServers: this.mcpServers() } satisfies NewSessionRequest;
      case 'mode':
        if (this.modeOption) return this.optionParams(this.modeOption);
        return {
          sessionId: this.session ?? '',
          modeId: this.options.dialogue.agent.mode ?? '',
        } satisfies SetSessionModeRequest;
    }
  }

  private optionParams({ id }: ModeOption): SetSessionConfigOptionRequest {
    return { sessionId: this.session ?? '', configId: id, value: this.options.dialogue.agent.mode ?? '' };
  }

  private initializeParams(): InitializeRequest {
    return {
      protocolVersion: PROTOCOL_VERSION,
      // The agent has a container of its own: it needs no files and no terminal of ours.
      clientCapabilities: {
        fs: { readTextFile: false, writeTextFile: false },
        terminal: false,
        // Agents that know these say by them what else would stand in their answer.
        session: { notices: {} },
        // A client that declares the first alone gets no words of Claude Code's sub-agents.
        _meta: { jetbrains: { air: { version: 1, capabilities: ['sessionFailure'] } }, 'subagent-transcript': true },
      },
      clientInfo: { name: 'crewtab', title: 'Crewtab', version: this.options.clientVersion },
    };
  }

  /** The team's tools first. */
  private mcpServers(): McpServer[] {
    const { teamTools, agent } = this.options.dialogue;
    const servers = teamTools ? [{ name: TEAM_SERVER_NAME, ...teamTools }] : [];
    return [...servers, ...(agent.mcpServers ?? [])].map(toWire);
  }
}

function toWire(server: AgentMcpServer): McpServer {
  const { name, url, command = '', args = [], env, headers } = server;
  if (url !== undefined) return { type: 'http', name, url, headers: pairsOf(headers) };
  return { name, command, args: [...args], env: pairsOf(env) };
}

function pairsOf(values: Readonly<Record<string, string>> = {}): { name: string; value: string }[] {
  return Object.entries(values).map(([name, value]) => ({ name, value }));
}

function takesHttp(capabilities: unknown): boolean {
  const mcp = isObject(capabilities) ? capabilities['mcpCapabilities'] : undefined;
  return isObject(mcp) && mcp['http'] === true;
}

interface ModeOption {
  readonly id: string;
  readonly values: readonly string[];
}

/** The first choice that says it is one of modes. Its values may stand in groups. */
function modeOptionOf(list: unknown): ModeOption | null {
  const options = Array.isArray(list) ? list.filter(isObject) : [];
  const option = options.find(({ type, category, id }) => type === 'select' && (category === 'mode' || id === 'mode'));
  const id = option?.['id'];
  if (!option || typeof id !== 'string') return null;
  const values = Array.isArray(option['options']) ? option['options'].filter(isObject) : [];
  return {
    id,
    values: namesOf(
      values.flatMap((value) => (Array.isArray(value['options']) ? value['options'] : value)),
      'value',
    ),
  };
}

/** A way to log in that an agent offers. */
interface Login {
  readonly id: string;
  readonly name: string;
  /** `terminal` needs a person; `env_var` reads `variables`; others may be either. */
  readonly type: string;
  readonly variables: readonly string[];
}

function loginsOf(list: unknown): Login[] {
  if (!Array.isArray(list)) return [];
  return list.filter(isObject).flatMap((method) => {
    const { id, name, type, vars } = method;
    if (typeof id !== 'string') return [];
    return {
      id,
      name: typeof name === 'string' ? name : id,
      type: typeof type === 'string' ? type : 'agent',
      variables: namesOf(vars, 'name'),
    };
  });
}

/** The way that the agent is set to; or the only way that its environment has the key for, or else the only way that needs no terminal; null: none, or several. */
function chooseLogin(logins: readonly Login[], { authMethod, env = {} }: Agent): Login | null {
  if (authMethod !== undefined) return logins.find(({ id }) => id === authMethod) ?? null;
  const withKey = logins.filter(
    ({ type, variables }) => type === 'env_var' && variables.length > 0 && variables.every((name) => name in env),
  );
  if (withKey.length === 1) return withKey[0] ?? null;
  const unattended = logins.filter(({ type }) => type !== 'terminal');
  return unattended.length === 1 ? (unattended[0] ?? null) : null;
}

/** On the wire; 10 and above are turns. */
const IDS: Readonly<Record<Step, number>> = { initialize: 1, authenticate: 2, session: 3, mode: 4 };

const METHODS: Readonly<Record<Step, string>> = {
  initialize: 'initialize',
  authenticate: 'authenticate',
  session: 'session/new',
  mode: 'session/set_mode',
};

function namesOf(list: unknown, key: string): string[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((each) => (isObject(each) && typeof each[key] === 'string' ? [each[key]] : []));
}
