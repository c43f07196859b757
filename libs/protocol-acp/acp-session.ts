import type { CancelNotification, PromptRequest, RequestPermissionResponse } from '@agentclientprotocol/sdk';
import { AppError, assertNever, type Failure } from '@crewtab/domain/errors';
import type {
  DialogueState,
  LastSeen,
  Outgoing,
  ProtocolSession,
  Reaction,
  TurnState,
  AgentProtocol,
  DialogueOptions,
} from '@crewtab/domain/ports/agent-protocol';
import type { AgentExit, OutputLine } from '@crewtab/domain/ports/runtime';
import { describeAgentEnd, quote, StderrTail } from '@crewtab/domain/runs/agent-output';
import { DEFAULT_JSON_LIMITS, type JsonLimits } from '@crewtab/domain/runs/output-limits';
import type { DraftMessage, MessageContent, MessageKind } from '@crewtab/domain/runs/message';
import { plainText } from '@crewtab/domain/runs/plain-text';
import { type ReportedUsage, UsageTally } from '@crewtab/domain/runs/usage';
import { type Warning, WarningLog } from '@crewtab/domain/runs/warning';
import {
  cut,
  readUpdate,
  turnError,
  errorFor,
  isObject,
  METHOD_NOT_FOUND,
  PARSE_ERROR,
  wireIdOf,
  notification,
  parseLine,
  request,
  resultFor,
  type Incoming,
  type JsonObject,
  type RpcError,
  type RpcId,
} from './acp-messages';
import { Handshake, type HandshakeOptions } from './handshake';
import { OriginMarks } from './origins';
import { decidePermission } from './permissions';
import { SubAgentCalls } from './tool-calls';
import { TurnWatch } from './turn-watch';

/** What one incoming message leads to. */
interface Effect {
  /** Null: nothing for the conversation. */
  readonly message: {
    readonly kind: MessageKind;
    readonly content: MessageContent;
    /** What tells of which message it is a piece, and of which session. */
    readonly source?: JsonObject;
    readonly session?: string | null;
  } | null;
  readonly outgoing?: readonly Outgoing[];
  readonly failure?: Failure;
}

const NOTHING: Reaction = { messages: [], outgoing: [] };
/** Of a line that is no message, for the words of an error. */
const NOISE_CHARS = 300;
/** Answers that are repeated after adoption. */
const MOST_ANSWERS = 1_000;

/**
 * One dialogue with an ACP agent.
 *
 * What becomes a message: session updates by their kind, permission requests with the answer given (`permission`),
 * stderr lines (`{ text }`), and as `other` all the rest: responses that tell something (errors, a turn's usage, answers
 * to nothing we asked), requests and notifications that are not known (`{ method, params }`), JSON that is not JSON-RPC, and lines that are not JSON
 * (`{ text }`). Blank lines and empty text chunks leave nothing.
 *
 * A turn that has ended well changes with what the agent still says or does, until another turn begins.
 *
 * Limits: turns of one session are expected one after the other, as ACP agents work; message text is credited to the
 * turn that ends next. A worker that adopts the run takes a greeting between handshake and prompt for work: it cannot see
 * when the prompt was written.
 */
export class AcpSession implements ProtocolSession {
  private readonly handshake: Handshake;
  private readonly turns = new Map<string, TurnState>();
  private hasSeenWork = false;
  private turn = new TurnWatch();
  private readonly subAgentCalls = new SubAgentCalls();
  private readonly warningLog: WarningLog;
  private readonly stderrTail = new StderrTail();
  /** Answers to the agent's requests that it may not have read, by the request's id; repeated after adoption. */
  private readonly answers = new Map<RpcId, { readonly outgoing: Outgoing; readonly toolCallId: unknown }>();
  /** By the rule of the agent's preset; null: it has none. */
  private readonly tally: UsageTally | null;
  private readonly origins = new OriginMarks();
  private isTurnCancelled = false;
  /** Since the handshake began, the last line that is no message. */
  private noise = '';
  /** The turn that ended last, while no other has begun: what the agent still says belongs to it. */
  private ended: { readonly id: string; readonly result: unknown } | null = null;

  constructor(
    private readonly options: HandshakeOptions,
    private readonly limits: JsonLimits,
  ) {
    this.handshake = new Handshake(options);
    this.warningLog = new WarningLog(options.dialogue.agent.name);
    const { usage } = options.dialogue.agent;
    this.tally = usage === undefined ? null : new UsageTally(usage);
  }

  get usage(): ReportedUsage | null {
    return this.tally?.reported ?? null;
  }

  get warnings(): Warning[] {
    return this.warningLog.with('tool_call_open', this.ended === null ? [] : this.turn.openCalls).list();
  }

  get lastSeen(): LastSeen {
    return { doing: this.doing(), stderr: this.stderrTail.words };
  }

  get state(): DialogueState {
    const { state } = this.handshake;
    const handshake =
      state.status === 'failed' ? { ...state, failure: this.stderrTail.appendTo(state.failure) } : state;
    return { handshake, turns: this.turns, hasSeenWork: this.hasSeenWork };
  }

  open(): Outgoing[] {
    return this.handshake.pendingRequest();
  }

  resume(): Outgoing[] {
    const answers = [...this.answers.values()].map(({ outgoing }) => outgoing);
    return [{ data: '\n' }, ...this.handshake.pendingRequest(), ...answers];
  }

  receive(line: OutputLine, at: Date): Reaction {
    if (line.stream === 'stderr') {
      this.stderrTail.add(line.text);
      return {
        messages: [{ agent: this.agentName, kind: 'stderr', content: { text: `${line.text}\n` }, at }],
        outgoing: [],
      };
    }
    const messages: DraftMessage[] = [];
    const effects = parseLine(line.text, this.limits).flatMap((incoming, place) => {
      // As it is before a response ends it.
      const turn = this.turnAt;
      const effect = this.take(incoming);
      if (effect?.message) messages.push(this.draft(effect.message, at, { turn, line: `${line.index}.${place}` }));
      return effect ?? [];
    });
    const [failure] = effects.flatMap((effect) => effect.failure ?? []);
    return {
      ...(failure && { failure }),
      messages,
      outgoing: effects.flatMap(({ outgoing }) => outgoing ?? []),
    };
  }

  /** @throws AppError `prompt_failed` before the handshake is over: a turn needs a session */
  startTurn(turn: { readonly id: string; readonly text: string }): Outgoing[] {
    const sessionId = this.handshake.sessionId;
    const { name, instructions, areInstructionsInFile = false } = this.options.dialogue.agent;
    if (this.handshake.state.status !== 'ready' || sessionId === null) {
      throw new AppError('prompt_failed', `agent "${name}" has not answered the handshake`);
    }
    // What was said before the first is a greeting.
    this.forgetTurn();
    const isFirst = this.turns.size === 0;
    const isTold = isFirst && instructions !== undefined && !areInstructionsInFile;
    const texts = isTold ? [instructions, turn.text] : [turn.text];
    this.expectTurn(turn.id);
    const prompt = texts.map((text) => ({ type: 'text' as const, text }));
    // For who reads the wire: the request's id does not say which turn it is.
    const _meta = { crewtab: { turn: turn.id } };
    return [request(wireIdOf(turn.id), 'session/prompt', { sessionId, prompt, _meta } satisfies PromptRequest)];
  }

  expectTurn(id: string): void {
    if (!this.turns.has(id)) this.turns.set(id, { status: 'open' });
  }

  cancelTurn(): Outgoing[] {
    const sessionId = this.handshake.sessionId;
    if (sessionId === null || !this.hasOpenTurn()) return [];
    this.isTurnCancelled = true;
    return [notification('session/cancel', { sessionId } satisfies CancelNotification)];
  }

  exited(exit: AgentExit): Reaction {
    const end = describeAgentEnd(this.options.dialogue.agent.name, { how: 'exited', ...exit });
    this.handshake.fail(end);
    const said = { ...end, message: `${end.message}${quote(this.turn.soFar().text)}` };
    const failure = this.stderrTail.appendTo(said);
    for (const [id, turn] of this.turns) if (turn.status === 'open') this.turns.set(id, { status: 'failed', failure });
    return NOTHING;
  }

  private take(incoming: Incoming): Effect | null {
    switch (incoming.type) {
      case 'beyond': {
        const message = `agent "${this.options.dialogue.agent.name}" wrote ${incoming.words}`;
        return { message: null, failure: { code: incoming.code, message } };
      }
      case 'noise':
        if (this.handshake.waitsFor !== null) this.noise = plainText(incoming.text.slice(0, NOISE_CHARS));
        return other({ text: incoming.text });
      case 'stray':
        return other(isObject(incoming.value) ? incoming.value : { value: incoming.value });
      case 'notification':
        return incoming.method === 'session/update'
          ? this.takeUpdate(incoming.params)
          : other({ method: incoming.method, params: incoming.params });
      case 'request':
        return incoming.method === 'session/request_permission'
          ? this.takePermissionRequest(incoming)
          : this.takeUnknownRequest(incoming);
      case 'result':
      case 'error':
        return this.takeResponse(incoming);
      default:
        return assertNever(incoming);
    }
  }

  private takeUpdate(params: JsonObject): Effect | null {
    const meaning = readUpdate(params, this.handshake.sessionId, (id) => this.subAgentCalls.sessionOf(id));
    const { kind, content, answer, isWork, session, unknownKind } = meaning;
    const isOwn = session === null;
    const update = isObject(params['update']) ? params['update'] : {};
    if (content['text'] === '' && answer !== null) return null;
    if (unknownKind !== null) this.warningLog.note('unknown_update', unknownKind);
    if (answer) this.checkWords(answer.text);
    if (isOwn) this.turn.note(meaning, update);
    else if (params['sessionId'] === this.handshake.sessionId) this.noteSubAgent(session, update);
    if (isOwn) this.tally?.addUpdate(content);
    if (this.ended) this.turns.set(this.ended.id, this.endOf(this.ended.result));
    if (isWork) this.noteWork();
    if (kind === 'tool_result') this.forgetAnswers(content['toolCallId']);
    return { message: { kind, content, source: update, session } };
  }

  /** Another session's calls may have the same ids. */
  private noteSubAgent(session: string, update: JsonObject): void {
    const known = this.turn.disown(update['toolCallId']);
    this.subAgentCalls.note(session, known ? { ...known, ...update, sessionUpdate: 'tool_call' } : update);
  }

  private checkWords(text: string): void {
    const words = text.trim();
    // Gemini CLI says in so many words that it took the mode.
    if (words === '' || words === `[MODE_UPDATE] ${this.options.dialogue.agent.mode}`) return;
    if (!this.hasOpenTurn() && !this.ended) this.warningLog.note('words_outside_turn', text);
  }

  private takePermissionRequest({ id, params }: { readonly id: RpcId; readonly params: JsonObject }): Effect {
    this.noteWork();
    const toolCall = isObject(params['toolCall']) ? params['toolCall'] : {};
    const { outcome, ...decided } = decidePermission(
      params,
      this.options.dialogue.agent,
      { ...this.subAgentCalls.knownOf(toolCall['toolCallId']), ...this.turn.knownOf(toolCall['toolCallId']) },
      this.isTurnCancelled,
    );
    const { decision } = decided;
    const outgoing = resultFor(id, { outcome } satisfies RequestPermissionResponse);
    this.remember(id, outgoing, toolCall['toolCallId']);
    const title = typeof toolCall['title'] === 'string' ? toolCall['title'] : 'it did not say for what';
    this.turn.noteAsked(title);
    if (decision !== 'allowed' && !this.isTurnCancelled) {
      this.turn.noteRefused(title);
      this.warningLog.note('permission_refused', title);
    }
    const content = { request: params, ...decided };
    const session = this.subAgentCalls.sessionOf(toolCall['toolCallId']);
    return { message: { kind: 'permission', content, source: params, session }, outgoing: [outgoing] };
  }

  /** Files and terminals were not offered; extensions are not known. The agent is told, so that it does not wait. */
  private takeUnknownRequest({
    id,
    method,
    params,
  }: {
    readonly id: RpcId;
    readonly method: string;
    readonly params: JsonObject;
  }): Effect {
    const outgoing = errorFor(id, METHOD_NOT_FOUND, `Crewtab does not offer ${cut(method)}`);
    this.remember(id, outgoing, undefined);
    return { ...other({ method, params }), outgoing: [outgoing] };
  }

  /** What was waited for says no more than its effect, and is no part of the conversation, unless it brings more. */
  private takeResponse(response: Extract<Incoming, { type: 'result' | 'error' }>): Effect {
    const { id } = response;
    const content = response.type === 'result' ? { id, result: response.result } : { id, error: response.error };
    if (this.handshake.isWaitingFor(id) || (this.handshake.state.status === 'pending' && isForAny(response))) {
      if (response.type === 'result') return { message: null, outgoing: this.handshake.succeed(response.result) };
      return { ...other(content), outgoing: this.handshake.refuse(response.error) };
    }
    const turn = this.openTurnOf(response);
    if (turn !== null) {
      this.endTurn(turn, response);
      if (response.type === 'result' && bringsOnlyStopReason(response.result)) return { message: null };
    }
    return other(content);
  }

  /** Workers before 0.2 sent the turn's own id; an error without an id can only be about the only open request. */
  private openTurnOf(response: Extract<Incoming, { type: 'result' | 'error' }>): string | null {
    const open = [...this.turns].flatMap(([id, { status }]) => (status === 'open' ? [id] : []));
    const own = open.find((id) => response.id === wireIdOf(id) || response.id === id);
    return own ?? (isForAny(response) && open.length === 1 ? (open[0] ?? null) : null);
  }

  private endTurn(id: string, response: Extract<Incoming, { type: 'result' | 'error' }>): void {
    const isWell = response.type === 'result';
    const turn = isWell ? this.endOf(response.result) : this.endOfError(response.error);
    this.tally?.addTurn(isWell ? response.result : null);
    this.turns.set(id, turn);
    if (isWell && turn.status === 'done') this.ended = { id, result: response.result };
    // Its worker died, and it may be at work on the next one already.
    if (turn.status !== 'done' || this.hasOpenTurn()) this.forgetTurn();
    this.hasSeenWork = true;
    this.isTurnCancelled = false;
    this.answers.clear();
  }

  private endOf(result: unknown): TurnState {
    if (this.turn.isCut && !this.ended) this.warningLog.note('output_cut', '');
    return this.withStderr(this.turn.endBy(this.options.dialogue.agent.name, result));
  }

  private endOfError(error: RpcError): TurnState {
    return this.withStderr(turnError(this.options.dialogue.agent.name, error, this.turn.soFar().text));
  }

  private withStderr(turn: TurnState): TurnState {
    return turn.status === 'failed' ? { ...turn, failure: this.stderrTail.appendTo(turn.failure) } : turn;
  }

  private forgetTurn(): void {
    if (this.ended) for (const title of this.turn.openCalls) this.warningLog.note('tool_call_open', title);
    this.ended = null;
    this.turn = new TurnWatch();
  }

  private doing(): string | null {
    const waitsFor = this.handshake.waitsFor;
    if (waitsFor !== null) {
      const noise =
        this.noise === '' ? '' : `; the last line that it wrote is no message of the protocol: "${this.noise}"`;
      return `has not answered ${waitsFor}${noise}`;
    }
    if (!this.hasOpenTurn()) return null;
    return this.turn.lastSeen ?? 'has shown nothing since it was given its task';
  }

  /** An agent that asks so much without an end of what it asked for has read the oldest answers. */
  private remember(id: RpcId, outgoing: Outgoing, toolCallId: unknown): void {
    this.answers.set(id, { outgoing, toolCallId });
    const [oldest] = this.answers.keys();
    if (this.answers.size > MOST_ANSWERS && oldest !== undefined) this.answers.delete(oldest);
  }

  /** An agent that says how a tool call ended has read the permission for it. */
  private forgetAnswers(toolCallId: unknown): void {
    if (toolCallId === undefined) return;
    for (const [id, answer] of this.answers) if (answer.toolCallId === toolCallId) this.answers.delete(id);
  }

  /** Nothing that an agent says before its handshake is over, or before its first turn, can be work on a prompt. */
  private noteWork(): void {
    if (this.handshake.state.status === 'ready' && this.turns.size > 0) this.hasSeenWork = true;
  }

  private hasOpenTurn(): boolean {
    return [...this.turns.values()].some((turn) => turn.status === 'open');
  }

  /** The open turn; after its end it stays the one that the agent still talks in. */
  private get turnAt(): string | null {
    const open = [...this.turns].find(([, { status }]) => status === 'open');
    return open?.[0] ?? this.ended?.id ?? null;
  }

  private get agentName(): string {
    return this.options.dialogue.agent.name;
  }

  private draft(
    { kind, content, source = {}, session = null }: NonNullable<Effect['message']>,
    at: Date,
    place: { readonly turn: string | null; readonly line: string },
  ): DraftMessage {
    return { agent: this.agentName, kind, content, at, origin: this.origins.of({ kind, source, session, ...place }) };
  }
}

/** An agent that could not read a line may say so after a worker's death, which can leave half a line: that ends nothing. */
function isForAny(response: Extract<Incoming, { type: 'result' | 'error' }>): boolean {
  return response.type === 'error' && response.id === null && response.error.code !== PARSE_ERROR;
}

function other(content: MessageContent): Effect {
  return { message: { kind: 'other', content } };
}

/** Some agents report usage with the end of a turn; that is kept. */
function bringsOnlyStopReason(result: unknown): boolean {
  return isObject(result) && Object.keys(result).every((key) => key === 'stopReason');
}

export interface AcpProtocolOptions {
  /** Told to agents as the client's version. */
  readonly clientVersion?: string;
  /** Of one line. */
  readonly limits?: JsonLimits;
}

/**
 * The Agent Client Protocol, version 1: JSON-RPC 2.0, one message a line. Written from its schema and without its SDK,
 * which drops update kinds that it does not know and numbers its requests itself; types are the SDK's.
 */
export class AcpProtocol implements AgentProtocol {
  readonly name = 'acp';
  readonly grace = { quietMs: 150, mostMs: 1_000 };
  readonly stdin = 'open';

  constructor(private readonly options: AcpProtocolOptions = {}) {}

  begin(dialogue: DialogueOptions): ProtocolSession {
    const { clientVersion = '0.1.0', limits = DEFAULT_JSON_LIMITS } = this.options;
    return new AcpSession({ dialogue, clientVersion }, limits);
  }
}
