import { parseServerEvent } from '@crewtab/api-client/server-events';
import type { Route } from '@crewtab/api-contract/route';
import { streamRun } from '@crewtab/api-contract/run-routes';
import { checkEvent } from '@test/kit/check-answer';

/** One server-sent event as a client sees it. */
export interface ReceivedEvent {
  readonly event: string;
  readonly id: string;
  readonly data: unknown;
}

/** A client of a live view, for tests: reads whole blocks, holds events against the contract, remembers comments. */
export class SseClient {
  readonly comments: string[] = [];
  private readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  private readonly decoder = new TextDecoder();
  private buffer = '';

  private constructor(
    readonly response: Response,
    private readonly abort: AbortController,
    private readonly route: Route,
  ) {
    if (!response.body) throw new Error('the answer has no body');
    this.reader = response.body.getReader();
  }

  static async connect(
    url: string,
    headers: Readonly<Record<string, string>>,
    route: Route = streamRun,
  ): Promise<SseClient> {
    const abort = new AbortController();
    return new SseClient(await fetch(url, { headers, signal: abort.signal }), abort, route);
  }

  /** The next event, null at the end of the stream. Comments are put aside. */
  async next(): Promise<ReceivedEvent | null> {
    for (;;) {
      const block = await this.nextBlock();
      if (block === null) return null;
      if (block.startsWith(':')) this.comments.push(block);
      else if (!block.startsWith('retry:')) return this.parse(block);
    }
  }

  async take(count: number): Promise<ReceivedEvent[]> {
    const events: ReceivedEvent[] = [];
    while (events.length < count) {
      const event = await this.next();
      if (!event) throw new Error(`the stream ended after ${events.length} events`);
      events.push(event);
    }
    return events;
  }

  async rest(): Promise<ReceivedEvent[]> {
    const events: ReceivedEvent[] = [];
    for (let event = await this.next(); event; event = await this.next()) events.push(event);
    return events;
  }

  /** Resolves with the next comment, whatever events come before it. */
  async nextComment(): Promise<string> {
    for (;;) {
      const block = await this.nextBlock();
      if (block === null) throw new Error('the stream ended');
      if (block.startsWith(':')) return block;
    }
  }

  disconnect(): void {
    this.abort.abort();
  }

  private parse(block: string): ReceivedEvent {
    const event = parseServerEvent(block);
    if (!event || event.id === null) throw new Error(`this is no event with an id: ${block}`);
    checkEvent(this.route, event);
    return { ...event, id: event.id };
  }

  private async nextBlock(): Promise<string | null> {
    for (;;) {
      const end = this.buffer.indexOf('\n\n');
      if (end !== -1) {
        const block = this.buffer.slice(0, end);
        this.buffer = this.buffer.slice(end + 2);
        return block;
      }
      const { done, value } = await this.reader.read();
      if (done) return null;
      this.buffer += this.decoder.decode(value, { stream: true });
    }
  }
}
