import type { EndedAgent, Subscription } from '@crewtab/domain/ports/runtime';
import type { IncomingMessage } from 'node:http';
import { type EngineClient, readJsonLines } from '../engine/engine-client';
import { LABELS, labelFilter, type Labels } from '../resources/run-resources';

interface EngineEvent {
  readonly Actor?: { readonly Attributes?: Labels };
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

/** One subscription to the engine's events, which connects again by itself until it is closed. */
export class ExitWatch implements Subscription {
  private isClosed = false;
  private stream: IncomingMessage | null = null;
  private endPause: (() => void) | null = null;
  private readonly since: number;

  constructor(
    private readonly engine: EngineClient,
    private readonly installationId: string,
    private readonly onEnded: (ended: EndedAgent | null) => void,
    private readonly onClose: () => void,
  ) {
    // A second back: what ends while the subscription is being made is told all the same.
    this.since = Math.floor(Date.now() / 1000) - 1;
    void this.keepWatching();
  }

  close(): void {
    this.isClosed = true;
    this.stream?.destroy();
    this.endPause?.();
    this.onClose();
  }

  private async keepWatching(): Promise<void> {
    let failures = 0;
    for (let isFirst = true; !this.isClosed; isFirst = false) {
      try {
        await this.connect(isFirst);
        if (!isFirst && !this.isClosed) this.onEnded(null);
        failures = 0;
        await this.follow();
      } catch {
        // Whatever broke is repaired by connecting again; the subscriber is told to look when that has worked.
        failures++;
      }
      if (!this.isClosed) await this.pause(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures));
    }
  }

  private async connect(isFirst: boolean): Promise<void> {
    const filters = JSON.stringify({
      type: ['container'],
      event: ['die', 'oom'],
      label: labelFilter(this.installationId),
    });
    const options = isFirst ? { filters, since: this.since } : { filters };
    const stream = await this.engine.read('watch events', async (abortSignal) => {
      const answer = await this.engine.docker.getEvents({ ...options, abortSignal });
      return answer as unknown as IncomingMessage;
    });
    stream.on('error', () => undefined);
    this.stream = stream;
    if (this.isClosed) stream.destroy();
  }

  private async follow(): Promise<void> {
    for await (const event of readJsonLines(this.stream as AsyncIterable<Buffer>)) {
      const { Actor: actor } = event as EngineEvent;
      const runId = actor?.Attributes?.[LABELS.run];
      const agent = actor?.Attributes?.[LABELS.agent];
      if (!this.isClosed && runId !== undefined && agent !== undefined) this.onEnded({ runId, agent });
    }
  }

  private async pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
