import { AppError, errorMessage, type Failure } from '@crewtab/domain/errors';
import type {
  AgentProtocol,
  DialogueOptions,
  Outgoing,
  ProtocolSession,
  Reaction,
  TurnState,
} from '@crewtab/domain/ports/agent-protocol';
import type { Clock } from '@crewtab/domain/ports/clock';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { Claim, RunStore } from '@crewtab/domain/ports/run-store';
import type { AgentChannel, OutputLine, Runtime, CarriedEndpoints } from '@crewtab/domain/ports/runtime';
import type { AgentEnd, AgentObservation } from '@crewtab/domain/runs/observation';
import type { OutputCursor } from '@crewtab/domain/runs/run';
import type { ReportedUsage } from '@crewtab/domain/runs/usage';
import type { Warning } from '@crewtab/domain/runs/warning';
import { backoffMs, type OneAtATime } from '../timing';
import { MaskedStream } from '../masking/masked-stream';
import type { SecretMask } from '../masking/secret-mask';
import { ConversationRecorder } from './conversation-recorder';
import type { RunOutput } from './run-output';
import { TurnGrace } from './turn-grace';

export interface AgentSessionDeps {
  readonly runtime: Pick<Runtime, 'open' | 'inspect'>;
  readonly store: Pick<RunStore, 'appendMessages'>;
  readonly largeLines: OneAtATime;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A line of so many characters waits for its turn among all lines like it. */
const LARGE_LINE_CHARS = 256 * 1024;
/** After so many lines in one go all else in the worker has its turn. */
const LINES_AT_ONCE = 4_096;
/** After a full batch, ms: storing it may take as long as Postgres is away. */
const LONGEST_PAUSE_MS = 250;

export interface AgentSessionOptions {
  readonly claim: Claim;
  readonly handle: string;
  readonly protocol: AgentProtocol;
  readonly dialogue: DialogueOptions;
  readonly cursor: OutputCursor;
  /** What was stored with it. */
  readonly usage: ReportedUsage | null;
  /** True when an earlier worker may have written to this agent. */
  readonly isAdopted: boolean;
  /** True when its handshake is known to be over, so that none of it is repeated. */
  readonly wasReady: boolean;
  /** When it was last active, as far as is known. */
  readonly activeAt: Date;
  /** Turns that were written in earlier lives of the run. */
  readonly expectedTurns: readonly string[];
  /** Of one line, bytes. */
  readonly longestLineBytes: number;
  /** Where what it connects to is to arrive. */
  readonly carried: CarriedEndpoints;
  /** Of the whole run; nothing is read any more once it has failed. */
  readonly output: RunOutput;
  /** Of the secrets of the run. Whatever leaves the session is masked. */
  readonly mask: SecretMask;
  readonly emit: Emit;
}

/** What a part of a team tells its owner; nothing else leads upwards. */
export type PartEvent =
  /** What `observe` answers has changed: look again. */
  | { readonly kind: 'changed' }
  /** What the part cannot go on from: a lost claim, a fault of our own. */
  | { readonly kind: 'failed'; readonly error: unknown };

export type Emit = (event: PartEvent) => void;

/** After an adopted agent's stored output was read again: how long what it wrote since may take to come, ms. */
const UNREAD_MS = 500;

/** After a hint that the process ended: how long its stream may take to notice, ms. */
const STUCK_STREAM_MS = 2_000;

type Dialogue = NonNullable<AgentObservation['dialogue']>;

/**
 * One agent's dialogue: reads its output from the beginning, folds it through the protocol, stores the messages, and
 * writes what the protocol answers. What it shows to `decide` is published only after it is stored.
 *
 * Dies with its worker at any line without harm: nothing in here is needed to start again.
 */
export class AgentSession {
  private published: Dialogue | null = null;
  private publishedKey = '';
  private end: AgentEnd | null = null;
  /** When everything that an earlier worker stored was read again, and new output began to be folded. */
  caughtUpAt: Date | null = null;
  /** Since when its output is read as it comes, all of an earlier worker's behind it; null while it cannot be read. */
  readableSince: Date | null = null;
  private outputChars = 0;
  private lastLineAt: Date | null = null;
  private activeAtMs: number;
  private isClosed = false;
  private mustReopen = false;
  private channel: AgentChannel | null = null;
  private session: ProtocolSession | null = null;
  /** What can be written to: the stream is open, and the session knows all that was said before. */
  private connection: Connection | null = null;
  /** Turns that wait for a connection. */
  private readonly waiting = new Set<() => void>();
  private readonly turnsWritten: string[];
  /** Writes of turns that the engine has not yet taken. */
  private turnsUnderWay = 0;
  /** Set for good: the run is over, and no turn begins any more. */
  private isCancelled = false;
  private readonly recorder: ConversationRecorder;
  private readonly grace: TurnGrace;
  private hasOpenedBefore: boolean;
  /** What it says on stdout; begins anew with the output. */
  private stream: MaskedStream;
  private readonly maskedTurns = new WeakMap<TurnState, TurnState>();

  constructor(
    private readonly deps: AgentSessionDeps,
    private readonly options: AgentSessionOptions,
  ) {
    this.turnsWritten = [...options.expectedTurns];
    this.activeAtMs = options.activeAt.getTime();
    this.hasOpenedBefore = options.isAdopted;
    this.stream = new MaskedStream(options.mask);
    this.grace = new TurnGrace(options.protocol.grace, this.agentName, deps.clock, () => {
      if (!this.isClosed) options.emit({ kind: 'changed' });
    });
    this.recorder = new ConversationRecorder(
      deps.store,
      deps.clock,
      options.claim,
      this.agentName,
      options.cursor,
      options.usage,
      (messages) => options.output.noteStored(messages),
      (error) => options.emit({ kind: 'failed', error }),
    );
  }

  observed(): Pick<AgentObservation, 'dialogue' | 'ended' | 'lastSeen'> {
    const lastSeen = this.session && { ...this.session.lastSeen, at: this.lastLineAt };
    return { dialogue: this.published, ended: this.end, lastSeen: this.options.mask.deep(lastSeen) };
  }

  /**
   * When it will have been silent for so long although it has an open turn; null where it has none, or its output may hold unread
   * lines. A line of its own, and a turn that it is given, end the silence.
   */
  idleDeadline(idleMs: number): Date | null {
    if (this.caughtUpAt === null || !this.connection || !hasOpenTurn(this.connection.session.state)) return null;
    const readMs = this.options.isAdopted ? this.caughtUpAt.getTime() + UNREAD_MS : 0;
    return new Date(Math.max(this.activeAtMs + idleMs, readMs));
  }

  noteActive(): void {
    this.activeAtMs = this.deps.clock.now().getTime();
  }

  /** What there is to warn of, as far as the output was read. */
  get warnings(): readonly Warning[] {
    return this.options.mask.deep([...(this.session?.warnings ?? []), ...this.grace.warnings]);
  }

  /** Reads until the process has ended, the output has failed, or the session is closed. Reports instead of throwing. */
  async run(): Promise<void> {
    for (let failures = 1; this.isAlive; failures++) {
      try {
        await this.readThrough();
        failures = 0;
      } catch (error) {
        if (this.isStopped) return this.wakeWaiting();
        if (!(error instanceof AppError && error.retryable)) return this.options.emit({ kind: 'failed', error });
        this.deps.logger.warn({ error: error.message }, 'lost the output stream of an agent; opening it again');
        await new Promise<void>((resolve) => this.deps.clock.after(backoffMs(failures, 100, 5_000), resolve));
      }
    }
    this.wakeWaiting();
  }

  /**
   * Writes the start of a turn. Resolves when every byte is with the engine. While the connection is broken it waits for
   * the next one: nothing was written yet. After it was called once for a turn it must never be called again for the
   * same turn, whatever it answered.
   */
  async startTurn(turn: { readonly id: string; readonly text: string }): Promise<void> {
    const { channel, session } = await this.connected();
    if (this.isCancelled) throw new AppError('prompt_failed', 'the run is over: no turn begins any more');
    this.turnsWritten.push(turn.id);
    this.noteActive();
    this.turnsUnderWay += 1;
    try {
      await write(channel, session.startTurn(turn));
    } catch (error) {
      if (!(await this.needsNoInput(error))) throw error;
    } finally {
      this.turnsUnderWay -= 1;
    }
    // Its silence is measured from now on.
    this.options.emit({ kind: 'changed' });
  }

  /**
   * Asks the agent to end its open turn, in its protocol's words, and resolves when the turn has ended. Resolves at once
   * where there is nothing to ask: no open turn, an agent that has ended, a protocol without such a request, or input
   * that the agent does not read (a turn's own bytes still wait). May take for ever otherwise: the caller has the limit.
   */
  async cancelTurn(): Promise<void> {
    this.isCancelled = true;
    this.wakeWaiting();
    if (this.turnsWritten.length === 0 || this.turnsUnderWay > 0 || !this.isAlive) return;
    await this.untilChanged(() => this.connection?.session.state.handshake.status === 'ready');
    if (!this.connection) return;
    const { channel, session } = this.connection;
    const outgoing = session.cancelTurn();
    if (outgoing.length === 0) return;
    try {
      await this.answer(channel, outgoing);
    } catch (error) {
      return this.deps.logger.warn({ error: errorMessage(error) }, 'could not ask the agent to end its turn');
    }
    this.deps.logger.info({}, 'asked the agent to end its turn');
    await this.untilChanged(() => this.connection !== null && !hasOpenTurn(this.connection.session.state));
  }

  /** A plain program need not read its input, and may have ended by now: how it ended says whether all is well. */
  private async needsNoInput(error: unknown): Promise<boolean> {
    if (this.options.protocol.stdin !== 'once') return false;
    if (error instanceof AppError && error.code === 'agent_exited') return true;
    const found = await this.deps.runtime.inspect(this.options.handle).catch(() => null);
    return found?.status === 'exited';
  }

  private get agentName(): string {
    return this.options.dialogue.agent.name;
  }

  private get isAlive(): boolean {
    return !this.isStopped && !this.end;
  }

  private get isStopped(): boolean {
    return this.isClosed || this.options.output.failure !== null;
  }

  /** Resolves when it is true, or when the agent has ended or the session is closed. */
  private async untilChanged(isTrue: () => boolean): Promise<void> {
    while (this.isAlive && !isTrue()) await new Promise<void>((resolve) => this.waiting.add(resolve));
  }

  /** @throws AppError `prompt_failed` when the agent has ended, or the session was closed, before it could be given a turn */
  async untilReady(): Promise<void> {
    await this.connected();
  }

  /** @throws AppError `prompt_failed` when the agent has ended, or the session was closed, before there was one. */
  private async connected(): Promise<Connection> {
    // A stream that is read again from its beginning may not have come to the handshake yet.
    while (this.connection?.session.state.handshake.status !== 'ready') {
      if (!this.isAlive || this.isCancelled) throw new AppError('prompt_failed', 'the agent is not connected any more');
      await new Promise<void>((resolve) => this.waiting.add(resolve));
    }
    return this.connection;
  }

  private wakeWaiting(): void {
    for (const wake of this.waiting) wake();
    this.waiting.clear();
  }

  /**
   * A hint that the process ended. Its output normally ends at the same moment; a stream that does not notice is
   * given up and read again from the beginning.
   */
  recheck(): void {
    if (this.isClosed || this.end) return;
    const stuck = this.channel;
    this.deps.clock.after(STUCK_STREAM_MS, () => {
      if (!stuck || this.channel !== stuck || this.isClosed) return;
      this.deps.runtime.inspect(this.options.handle).then(
        (process) => {
          if (this.channel !== stuck || process.status === 'running') return;
          this.mustReopen = true;
          stuck.close();
        },
        (error: unknown) =>
          this.deps.logger.warn({ error: String(error) }, 'could not inspect an agent that may have ended'),
      );
    });
  }

  /** Stores what was read so far. */
  flush(): Promise<void> {
    return this.recorder.flush();
  }

  close(): void {
    this.isClosed = true;
    this.wakeWaiting();
    this.recorder.close();
    this.channel?.close();
  }

  private async readThrough(): Promise<void> {
    const session = this.options.protocol.begin(this.options.dialogue);
    this.session = session;
    this.stream = new MaskedStream(this.options.mask);
    for (const turn of this.turnsWritten) session.expectTurn(turn);
    const channel = await this.open();
    if (!channel) return this.publishEnd(session, { how: 'vanished' });
    if (this.isClosed) return channel.close();
    this.channel = channel;
    this.outputChars = 0;
    try {
      await this.fold(session, channel);
      await this.concludeOutput(session);
    } finally {
      this.channel = null;
      this.connection = null;
      this.readableSince = null;
      channel.close();
    }
  }

  private async fold(session: ProtocolSession, channel: AgentChannel): Promise<void> {
    // What an earlier stream gave and is not stored yet would come a second time with this one.
    await this.recorder.flush();
    const stored = this.recorder.cursor;
    const seen = { stdout: 0, stderr: 0 };
    let isCaughtUp = false;
    const catchUp = async (): Promise<void> => {
      isCaughtUp = true;
      this.caughtUpAt ??= this.deps.clock.now();
      // An earlier version stored these lines without it.
      this.recorder.add([], this.recorder.foldedCursor, session.usage);
      await this.answer(channel, this.hasOpenedBefore ? this.withoutFinishedHandshake(session) : session.open());
      this.hasOpenedBefore = true;
      this.connection = { channel, session };
      this.readableSince = this.deps.clock.now();
      this.publish(session);
    };
    if (stored.stdout === 0 && stored.stderr === 0) await catchUp();
    for await (const line of channel.output) {
      if (this.isStopped) return;
      seen[line.stream] = line.index + 1;
      const isReplayed = line.index < stored[line.stream];
      await this.foldLine(session, channel, line, isReplayed, { ...seen });
      if (!isCaughtUp && seen.stdout >= stored.stdout && seen.stderr >= stored.stderr) await catchUp();
      if ((seen.stdout + seen.stderr) % LINES_AT_ONCE === 0)
        await new Promise<void>((resolve) => this.deps.clock.after(0, resolve));
    }
  }

  private async foldLine(
    session: ProtocolSession,
    channel: AgentChannel,
    line: OutputLine,
    isReplayed: boolean,
    seen: OutputCursor,
  ): Promise<void> {
    // After adoption, lines of a finished handshake that were never stored are folded again, but not answered again.
    const isOldHandshake = this.options.wasReady && session.state.handshake.status !== 'ready';
    const outgoing = await this.takeLine(session, line, isReplayed, seen);
    this.lastLineAt = this.deps.clock.now();
    if (!isReplayed) this.noteActive();
    if (isReplayed || this.isStopped) return;
    if (outgoing.length > 0 && !isOldHandshake) {
      await this.recorder.flush();
      await this.answer(channel, outgoing);
    }
    if (keyOf(session.state) !== this.publishedKey || this.grace.prolong()) {
      await this.recorder.flush();
      this.publish(session);
    } else if (this.recorder.isFull) {
      await this.storeFullBatch();
    }
  }

  /** An agent that writes faster than it can be stored leaves half of the time to the other runs. */
  private async storeFullBatch(): Promise<void> {
    const { clock } = this.deps;
    const beganAtMs = clock.monotonicMs();
    await this.recorder.flush();
    const pauseMs = Math.min(clock.monotonicMs() - beganAtMs, LONGEST_PAUSE_MS);
    if (pauseMs > 0) await new Promise<void>((resolve) => clock.after(pauseMs, resolve));
  }

  /**
   * Folds and gathers a line; a large one in its turn among all of the worker, until it is stored. Answers wait for the
   * agent, and are not written here.
   */
  private async takeLine(
    session: ProtocolSession,
    line: OutputLine,
    isReplayed: boolean,
    seen: OutputCursor,
  ): Promise<readonly Outgoing[]> {
    let outgoing: readonly Outgoing[] = [];
    const take = async (): Promise<void> => {
      this.outputChars += line.text.length + 1;
      this.options.output.noteRead(this.agentName, this.outputChars);
      const reaction = line.isTooLong ? this.lineTooLong() : this.receive(session, line);
      if (reaction.failure) return this.failOutput(this.options.mask.deep(reaction.failure));
      outgoing = reaction.outgoing;
      if (!isReplayed) this.recorder.add(reaction.messages, later(seen, this.recorder.cursor), session.usage);
    };
    if (line.text.length < LARGE_LINE_CHARS) await take();
    else
      await this.deps.largeLines.do(async () => {
        if (this.isStopped) return;
        await take();
        await this.recorder.flush();
      });
    return outgoing;
  }

  /** What is text already is masked before the protocol makes words of it, what it has to decode afterwards. */
  private receive(session: ProtocolSession, line: OutputLine): Reaction {
    const { mask, protocol } = this.options;
    const at = this.deps.clock.now();
    if (line.stream === 'stderr' || protocol.name === 'command')
      return session.receive({ ...line, text: mask.text(line.text) }, at);
    const reaction = session.receive(line, at);
    return { ...reaction, messages: this.stream.take(reaction.messages, !hasOpenTurn(session.state)) };
  }

  /** A broken pipe means that the agent is ending: its exit tells more than the failed write. */
  private async answer(channel: AgentChannel, outgoing: readonly Outgoing[]): Promise<void> {
    try {
      await write(channel, outgoing);
    } catch (error) {
      if (!(error instanceof AppError) || error.retryable) throw error;
      this.deps.logger.warn({ error: error.message }, 'could not write to an agent');
    }
  }

  /** The stream has ended: ask the engine what became of the process, and let the protocol have the last word. */
  private async concludeOutput(session: ProtocolSession): Promise<void> {
    if (this.isStopped) return;
    const process = await this.deps.runtime.inspect(this.options.handle);
    if (this.mustReopen || process.status === 'running' || process.status === 'created') {
      this.mustReopen = false;
      throw new AppError('engine_unreachable', 'the output ended before the agent did', { retryable: true });
    }
    if (process.status === 'absent') return this.publishEnd(session, { how: 'vanished' });
    const { exitCode, isOutOfMemory, mayLackOutput, endedBy, lostNode } = process;
    const why = { ...(endedBy === undefined ? {} : { endedBy }), ...(lostNode === undefined ? {} : { lostNode }) };
    const end: AgentEnd = { how: 'exited', exitCode, isOutOfMemory, mayLackOutput, ...why };
    const { messages } = session.exited(end, this.deps.clock.now());
    this.recorder.add([...this.stream.take(messages, true)], this.recorder.foldedCursor, session.usage);
    return this.publishEnd(session, end);
  }

  private async publishEnd(session: ProtocolSession, end: AgentEnd): Promise<void> {
    this.recorder.end(this.deps.clock.now());
    await this.recorder.flush();
    this.end = end;
    this.grace.end();
    this.publish(session);
  }

  /** Null when the engine answers that there is no such process any more. */
  private async open(): Promise<AgentChannel | null> {
    try {
      const { handle, longestLineBytes, carried } = this.options;
      return await this.deps.runtime.open(handle, longestLineBytes, carried);
    } catch (error) {
      if (error instanceof AppError && error.retryable) throw error;
      const process = await this.deps.runtime.inspect(this.options.handle);
      if (process.status === 'absent') return null;
      throw error;
    }
  }

  private withoutFinishedHandshake(session: ProtocolSession): readonly Outgoing[] {
    const isFoldBehind = this.options.wasReady && session.state.handshake.status !== 'ready';
    return isFoldBehind ? [] : session.resume();
  }

  private publish(session: ProtocolSession): void {
    const { handshake, turns, ...seen } = session.state;
    this.publishedKey = keyOf(session.state);
    const settled = [...turns].map(([id, turn]) => [id, this.grace.of(id, this.masked(turn))] as const);
    this.published = { ...seen, handshake: this.options.mask.deep(handshake), turns: new Map(settled) };
    this.wakeWaiting();
    this.options.emit({ kind: 'changed' });
  }

  /** Once each: the text of a turn may be a megabyte. */
  private masked(turn: TurnState): TurnState {
    const masked = this.maskedTurns.get(turn) ?? this.options.mask.deep(turn);
    this.maskedTurns.set(turn, masked);
    return masked;
  }

  private lineTooLong(): Reaction {
    const { longestLineBytes } = this.options;
    const message = `agent "${this.agentName}" wrote a line of more than ${longestLineBytes} bytes`;
    return { messages: [], outgoing: [], failure: { code: 'line_limit', message } };
  }

  /** What was said before is stored first. The next worker would read the same line, and come to the same end. */
  private async failOutput(failure: Failure): Promise<void> {
    await this.recorder.flush();
    this.options.output.fail(failure);
  }
}

function hasOpenTurn({ turns }: ProtocolSession['state']): boolean {
  return [...turns.values()].some(({ status }) => status === 'open');
}

interface Connection {
  readonly channel: AgentChannel;
  readonly session: ProtocolSession;
}

/** Changes of this are worth telling `decide` at once; the words of a conversation are not. */
function keyOf(state: ProtocolSession['state']): string {
  const turns = [...state.turns].map(([id, turn]) => `${id}=${turn.status}`).join(',');
  return `${state.handshake.status}|${state.hasSeenWork}|${turns}`;
}

function later(a: OutputCursor, b: OutputCursor): OutputCursor {
  return { stdout: Math.max(a.stdout, b.stdout), stderr: Math.max(a.stderr, b.stderr) };
}

async function write(channel: AgentChannel, outgoing: readonly Outgoing[]): Promise<void> {
  for (const { data, endInput } of outgoing) {
    await channel.write(data);
    if (endInput) await channel.endInput();
  }
}
