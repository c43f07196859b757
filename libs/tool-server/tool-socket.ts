import type { Socket } from 'node:net';
import { effect } from '@crewtab/domain/failpoint';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { ToolAnswer, ToolCall } from '@crewtab/domain/ports/tool-server';
import { LineSplitter } from '@crewtab/domain/runs/agent-output';
import { parseTeamCall } from './tool-call';

/** The bridge refuses longer calls by itself (images/team-bridge/). What speaks to the socket need not be the bridge. */
const LONGEST_CALL_BYTES = 16 * 1024 * 1024;
const NEWLINE = 0x0a;
/** Of one run, over all of its connections: calls without an answer, and the bytes of these and of calls that still come. */
const MOST_CALLS = 256;
const MOST_BYTES = 2 * LONGEST_CALL_BYTES;

export type Answer = (call: Omit<ToolCall, 'agent'>) => Promise<ToolAnswer>;

/** What the connections of one run hold of the worker. */
export class HeldCalls {
  calls = 0;
  bytes = 0;
}

/** Answers the calls of one connection, one JSON object a line. A call whose `answer` rejects ends the connection. */
export class ToolConnection {
  private readonly lines = new LineSplitter(LONGEST_CALL_BYTES);
  /** This connection's part of what the run holds. */
  private readonly own = new HeldCalls();
  /** Of a call that still comes. */
  private unfinishedBytes = 0;
  private isClosed = false;

  constructor(
    private readonly socket: Socket,
    private readonly held: HeldCalls,
    private readonly answer: Answer,
    private readonly logger: Logger,
  ) {}

  serve(): void {
    const { socket } = this;
    socket.on('error', (error) => this.logger.debug({ error: error.message }, 'team socket'));
    socket.on('data', (bytes: Buffer) => this.take(bytes));
    socket.on('close', () => {
      // Calls under way are asked again over another connection, under the same ids.
      this.hold(-this.own.calls, -this.own.bytes);
      this.isClosed = true;
    });
  }

  private take(bytes: Buffer): void {
    const { socket } = this;
    const newline = bytes.lastIndexOf(NEWLINE);
    const unfinished = newline < 0 ? this.unfinishedBytes + bytes.length : bytes.length - newline - 1;
    this.hold(0, unfinished - this.unfinishedBytes);
    this.unfinishedBytes = unfinished;
    for (const { text } of this.lines.push(bytes)) {
      if (!socket.writable) return;
      this.hear(text);
    }
    if (this.held.bytes > MOST_BYTES)
      this.refuse(null, `too much at once: the calls of a run have ${MOST_BYTES} bytes`);
  }

  private hear(line: string): void {
    const { socket } = this;
    const parsed = parseTeamCall(line);
    if (!parsed.ok) return this.refuse(parsed.id, parsed.message);
    const { id } = parsed.call;
    if (this.held.calls >= MOST_CALLS)
      return this.reply({ id, error: { message: `too many calls at once: a run has at most ${MOST_CALLS}` } });
    const bytes = Buffer.byteLength(line);
    this.hold(1, bytes);
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
        if (!this.isClosed) this.hold(-1, -bytes);
      });
  }

  /** A client that sends such a line is not listened to any further. */
  private refuse(id: string | null, message: string): void {
    this.reply({ id, error: { message } });
    this.socket.destroySoon();
  }

  private hold(calls: number, bytes: number): void {
    this.own.calls += calls;
    this.held.calls += calls;
    this.own.bytes += bytes;
    this.held.bytes += bytes;
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
