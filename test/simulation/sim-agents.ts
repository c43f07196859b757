import type { FakeAgentIo, FakeProgram } from '../fakes/runtime/fake-agent';
import type { ErrorCode } from '@crewtab/domain/errors';
import type { AgentScript, HostileConduct } from './history-plan';
import { isHostile, strike, UNASKED_ANSWERS, type HostileReach } from './hostile-agents';

/** What really happened at one agent of one run, written down outside of the product. */
export interface AgentRecord {
  readonly agent: string;
  /** How often each turn arrived, by its id; `prompt` for a plain program. */
  readonly turns: Map<string, number>;
  /** All message text that it said, in order. */
  said: string;
  firstWorkAtMs: number | null;
  /** When it went beyond a limit, and with which codes its run may end for it; null where it did not. */
  exceeded: { readonly atMs: number; readonly codes: readonly ErrorCode[] } | null;
}

export interface AgentWorld {
  nowMs(): number;
  record(runId: string, agent: string): AgentRecord;
  note(who: string, text: string): void;
  /** A tool call of the leader, asked again until it is answered; `answered` is called at most once. */
  delegate(io: FakeAgentIo, call: DelegateCall, answered: () => void): void;
  /** A tool call of a teammate about its task, as `delegate`. */
  ask(io: FakeAgentIo, call: { readonly id: string; readonly agent: string }, answered: () => void): void;
  /** Through the run's egress proxy; nothing comes back. */
  connect(io: FakeAgentIo, host: string): void;
  fillDisk(io: FakeAgentIo, bytes: number): void;
  /** Into its workspace. */
  leaveFile(io: FakeAgentIo): void;
}

export interface DelegateCall {
  readonly id: string;
  readonly agent: string;
  readonly to: string;
  readonly task?: string;
}

interface Turn {
  readonly id: string;
  /** Of the request that began it; absent where the protocol has no requests. */
  readonly requestId?: number | string;
  readonly end: (text: string) => void;
}

/** The program behind a script. */
export function agentProgram(script: AgentScript, teammates: readonly string[], world: AgentWorld): FakeProgram {
  if (script.conduct === 'cannotStart') return { startError: 'exec format error' };
  const speaker = script.protocol === 'acp' ? new AcpAgent(script, teammates, world) : new PlainAgent(script, world);
  const terminate = script.isStubborn ? { onTerminate: () => undefined } : {};
  return { ...speaker.program(), ...terminate };
}

/** Does the work of turns, one after the other, saying numbered words on the way. */
abstract class WorkingAgent {
  private readonly waiting: Turn[] = [];
  private current: Turn | null = null;
  private isCancelled = false;
  private said = 0;

  constructor(
    protected readonly script: AgentScript,
    protected readonly teammates: readonly string[],
    protected readonly world: AgentWorld,
  ) {}

  protected abstract say(io: FakeAgentIo, text: string): void;
  protected abstract askPermission(io: FakeAgentIo, goOn: () => void): void;
  protected abstract err(io: FakeAgentIo, turn: Turn): void;

  protected recordOf(io: FakeAgentIo): AgentRecord {
    return this.world.record(io.deployment.runId, this.script.name);
  }

  protected take(io: FakeAgentIo, turn: Turn): void {
    const record = this.recordOf(io);
    record.turns.set(turn.id, (record.turns.get(turn.id) ?? 0) + 1);
    this.world.note(`agent ${io.deployment.name}/${this.script.name}`, `got ${turn.id}`);
    this.waiting.push(turn);
    this.next(io);
  }

  private next(io: FakeAgentIo): void {
    const turn = this.current ? undefined : this.waiting.shift();
    if (!turn) return;
    this.current = turn;
    this.isCancelled = false;
    this.step(io, turn, 0);
  }

  /** Stops at its next step, with a last word; a stubborn agent goes on. */
  protected cancel(io: FakeAgentIo): void {
    this.world.note(`agent ${io.deployment.name}/${this.script.name}`, 'hears that its turn is cancelled');
    this.isCancelled = !this.script.isStubborn;
  }

  private step(io: FakeAgentIo, turn: Turn, done: number): void {
    const { script } = this;
    io.after(script.chunkMs, () => {
      if (this.isCancelled) return this.finish(io, turn, 'cancelled');
      if (script.conduct === 'hangs' && done >= 1) return;
      if (script.conduct === 'exitsMidway' && done >= 1) return io.exit(3);
      if (isHostile(script.conduct) && done >= 1) return this.attack(io, script.conduct, turn);
      if (done >= script.chunks) return this.finish(io, turn);
      this.utter(io);
      const host = script.hosts[done % script.hosts.length];
      if (host !== undefined) this.world.connect(io, host);
      const goOn = (): void => this.step(io, turn, done + 1);
      if (done === 0 && script.asksPermission) return this.askPermission(io, goOn);
      if (done === 1 && this.isAsking(turn))
        return this.world.ask(io, { id: `${turn.id}/ask`, agent: script.name }, goOn);
      const to = done < script.delegations ? this.teammates[done % this.teammates.length] : undefined;
      if (to === undefined) return goOn();
      const call = { id: `${turn.id}/${done}`, agent: script.name, to };
      this.world.delegate(io, call, goOn);
    });
  }

  /** Half of the teammates that have tools, told apart by how much they say. */
  private isAsking({ requestId }: Turn): boolean {
    return this.script.role === 'worker' && this.script.chunks % 2 === 0 && requestId !== undefined;
  }

  /** Also before any turn, of one that strikes early. */
  protected attack(io: FakeAgentIo, conduct: HostileConduct, turn: Turn | null): void {
    const { script, world, teammates } = this;
    world.note(`agent ${io.deployment.name}/${script.name}`, conduct);
    const reach: HostileReach = {
      io,
      teammates: script.role === 'leader' ? teammates : [],
      delegate: (call) => world.delegate(io, { agent: script.name, ...call }, () => undefined),
      connect: (host) => world.connect(io, host),
      fillDisk: (bytes) => world.fillDisk(io, bytes),
    };
    const codes = strike(conduct, reach);
    if (codes.length > 0) this.recordOf(io).exceeded ??= { atMs: world.nowMs(), codes };
    if (script.afterwards === 'exits') io.exit(0);
    if (script.afterwards === 'answers') turn?.end('end_turn');
  }

  protected attackEarly(io: FakeAgentIo): void {
    const { conduct, bootMs, strikesEarly } = this.script;
    if (strikesEarly && isHostile(conduct)) io.after(bootMs, () => this.attack(io, conduct, null));
  }

  private utter(io: FakeAgentIo): void {
    const text = `${this.script.name}${this.said++} `;
    const record = this.recordOf(io);
    record.said += text;
    record.firstWorkAtMs ??= this.world.nowMs();
    this.world.leaveFile(io);
    this.say(io, text);
  }

  private finish(io: FakeAgentIo, turn: Turn, stopReason = 'end_turn'): void {
    if (this.script.conduct === 'errs' || this.script.conduct === 'refuses') return this.err(io, turn);
    this.utter(io);
    turn.end(stopReason);
    this.current = null;
    this.next(io);
  }
}

/** Speaks ACP. */
class AcpAgent extends WorkingAgent {
  private onPermission: (() => void) | null = null;

  program(): FakeProgram {
    return { onStart: (io) => this.start(io), onLine: (line, io) => this.hear(line, io) };
  }

  protected override say(io: FakeAgentIo, text: string): void {
    const update = { sessionUpdate: 'agent_message_chunk', content: { type: 'text', text } };
    send(io, { method: 'session/update', params: { sessionId: 's', update } });
  }

  protected override askPermission(io: FakeAgentIo, goOn: () => void): void {
    this.onPermission = goOn;
    const options = [{ optionId: 'yes', name: 'Allow', kind: 'allow_once' }];
    send(io, {
      id: 'permission',
      method: 'session/request_permission',
      params: { sessionId: 's', toolCall: { toolCallId: 'call-1' }, options },
    });
  }

  protected override err(io: FakeAgentIo, turn: Turn): void {
    if (this.script.conduct === 'refuses') return turn.end('refusal');
    send(io, { id: turn.requestId, error: { code: -32603, message: 'out of ideas' } });
  }

  private start(io: FakeAgentIo): void {
    if (this.script.conduct === 'exitsEarly') io.after(this.script.bootMs, () => io.exit(1));
    this.attackEarly(io);
  }

  private hear(line: string, io: FakeAgentIo): void {
    if (line.trim() === '' || this.script.conduct === 'isMute') return;
    const message = JSON.parse(line) as {
      readonly id?: number | string;
      readonly method?: string;
      readonly params?: { readonly _meta?: { readonly crewtab: { readonly turn: string } } };
    };
    const { id, method, params } = message;
    if (id === undefined) return void (method === 'session/cancel' && this.cancel(io));
    if (method === 'initialize')
      io.after(this.script.bootMs, () => send(io, { id, result: { protocolVersion: 1, agentCapabilities: {} } }));
    else if (method === 'session/new') this.beginSession(io, id);
    else if (method === 'session/prompt')
      this.take(io, {
        id: params?._meta?.crewtab.turn ?? '',
        requestId: id,
        end: (stopReason) => send(io, { id, result: { stopReason } }),
      });
    else if (method === undefined && id === 'permission') this.permit();
  }

  private beginSession(io: FakeAgentIo, id: number | string): void {
    send(io, { id, result: { sessionId: 's' } });
    if (this.script.conduct === 'answersUnasked') for (const answer of UNASKED_ANSWERS) send(io, answer);
  }

  private permit(): void {
    const goOn = this.onPermission;
    this.onPermission = null;
    goOn?.();
  }
}

/** A plain program: reads its prompt to the end of its input, then works and ends. */
class PlainAgent extends WorkingAgent {
  private hasPrompt = false;

  constructor(script: AgentScript, world: AgentWorld) {
    super(script, [], world);
  }

  program(): FakeProgram {
    return {
      onStart: (io) => {
        if (this.script.conduct === 'exitsEarly') io.after(this.script.bootMs, () => io.exit(1));
        this.attackEarly(io);
      },
      onLine: (_line, io) => {
        const record = this.recordOf(io);
        if (this.hasPrompt) record.turns.set('prompt', 2);
        this.hasPrompt = true;
      },
      onEndInput: (io) => {
        if (this.script.conduct === 'isMute') return;
        if (!this.hasPrompt) return io.exit(2);
        this.take(io, { id: 'prompt', end: () => io.exit(0) });
      },
    };
  }

  protected override say(io: FakeAgentIo, text: string): void {
    io.emit(text);
  }

  protected override askPermission(_io: FakeAgentIo, goOn: () => void): void {
    goOn();
  }

  protected override err(io: FakeAgentIo): void {
    io.emit('out of ideas', 'stderr');
    io.exit(1);
  }
}

function send(io: FakeAgentIo, message: object): void {
  io.emit(JSON.stringify({ jsonrpc: '2.0', ...message }));
}
