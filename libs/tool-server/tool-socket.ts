import type { Socket } from 'node:net';
import { effect } from '@crewtab/domain/failpoint';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { ToolAnswer, ToolCall } from '@crewtab/domain/ports/tool-server';
import { LineSplitter } from '@crewtab/domain/runs/agent-output';
import { parseTeamCall } from './tool-call';

/** The bridge refuses longer calls by itself (images/team-bridge/). What speaks to the socket need not be the bridge. */
const LONGEST_CALL_BYTES = 16 * 1024 * 1024;
const NEWLINE = 0x0a;

/** Calls without an answer, and the bytes of these and of calls that still come. */
interface Bound {
  readonly of: string;
  readonly calls: number;
  readonly bytes: number;
}

/** Over all connections of an agent. */
const OF_AGENT: Bound = { of: 'an agent', calls: 256, bytes: 2 * LONGEST_CALL_BYTES };
/** Over all of its agents: four of them may go to their own bound before the run's meets one that did nothing. */
const OF_RUN: Bound = { of: 'a run', calls: 4 * OF_AGENT.calls, bytes: 4 * OF_AGENT.bytes };

export type Answer = (call: Omit<ToolCall, 'agent'>) => Promise<ToolAnswer>;

/** What the connections of a run, or of one of its agents, hold of the worker. */
export class HeldCalls {
  private calls = 0;
  private bytes = 0;

  private constructor(
    private readonly bound: Bound | null,
    private readonly above: HeldCalls | null,
  ) {}

  static ofRun(): HeldCalls {
    return new HeldCalls(OF_RUN, null);
  }

  /** What it holds counts for its run too. */
  ofAgent(): HeldCalls {
    return new HeldCalls(OF_AGENT, this);
  }

  /** Of one of an agent's connections, so that its end gives back what it held. */
  ofConnection(): HeldCalls {
    return new HeldCalls(null, this);
  }

  hold(calls: number, bytes: number): void {
    this.calls += calls;
    this.bytes += bytes;
    this.above?.hold(calls, bytes);
  }

  /** As if all that it holds were answered. */
  giveBack(): void {
    this.hold(-this.calls, -this.bytes);
  }

  /** Of whom no further call is taken until one is answered, and how many they are; null where there is room. */
  fullOfCalls(): Bound | null {
    if (this.bound && this.calls >= this.bound.calls) return this.bound;
    return this.above?.fullOfCalls() ?? null;
  }

  /** Whose calls have more bytes than they may; null where there are none. */
  overflowing(): Bound | null {
    if (this.bound && this.bytes > this.bound.bytes) return this.bound;
    return this.above?.overflowing() ?? null;
  }
}

/** Answers the calls of one connection, one JSON object a line. A call whose `answer` rejects ends the connection. */
export class ToolConnection {
  private readonly lines = new LineSplitter(LONGEST_CALL_BYTES);
  private readonly held: HeldCalls;
  /** Of a call that still comes. */
  private unfinishedBytes = 0;
  private isClosed = false;

  constructor(
    private readonly socket: Socket,
    ofAgent: HeldCalls,
    private readonly answer: Answer,
    private readonly logger: Logger,
  ) {
    this.held = ofAgent.ofConnection();
  }

  serve(): void {
    const { socket } = this;
    socket.on('error', (error) => this.logger.debug({ error: error.message }, 'team socket'));
    socket.on('data', (bytes: Buffer) => this.take(bytes));
    socket.on('close', () => {
      // Calls under way are asked again over another connection, under the same ids.
      this.held.giveBack();
      this.isClosed = true;
    });
  }

  private take(bytes: Buffer): void {
    const { socket } = this;
    const newline = bytes.lastIndexOf(NEWLINE);
    const unfinished = newline < 0 ? this.unfinishedBytes + bytes.length : bytes.length - newline - 1;
    this.held.hold(0, unfinished - this.unfinishedBytes);
    this.unfinishedBytes = unfinished;
    for (const { text } of this.lines.push(bytes)) {
      if (!socket.writable) return;
      this.hear(text);
    }
    const overflowing = this.held.overflowing();
    if (overflowing)
      this.refuse(null, `too much at once: the calls of ${overflowing.of} have at most ${overflowing.bytes} bytes`);
  }

  private hear(line: string): void {
    const { socket } = this;
    const parsed = parseTeamCall(line);
    if (!parsed.ok) return this.refuse(parsed.id, parsed.message);
    const { id } = parsed.call;
    const full = this.held.fullOfCalls();
    if (full)
      return this.reply({ id, error: { message: `too many calls at once: ${full.of} has at most ${full.calls}` } });
    const bytes = Buffer.byteLength(line);
    this.held.hold(1, bytes);
    this.answer(parsed.call)
      .then(
        (result) => this.reply('error' in result ? { id, error: { message: result.error } } : { id, result }),
        // Not answered: this worker has lost the run, and the bridge asks the next one.
        (error: unknown) => {
          this.logger.debug({ error: String(error) }, 'a team call is left to the next worker');
          socket.destroy();
        },
      )
      .finally(() => {
        if (!this.isClosed) this.held.hold(-1, -bytes);
      });
  }

  /** A client that sends such a line is not listened to any further. */
  private refuse(id: string | null, message: string): void {
    this.reply({ id, error: { message } });
    this.socket.destroySoon();
  }

  /** A client that does not read its answers is not read from. */
  private reply(message: object): void {
    const { socket } = this;
    if (!socket.writable) return;
    const hasCapacity = effect('tools.answer.write', () => socket.write(`${JSON.stringify(message)}\n`));
    if (hasCapacity || socket.isPaused()) return;
    socket.pause();
    socket.once('drain', () => socket.resume());
  }
}
