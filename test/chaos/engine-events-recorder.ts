import { request, type ClientRequest } from 'node:http';
import { createInterface } from 'node:readline';
import type { EvidenceFolder } from './evidence-folder';

const RECONNECT_AFTER_MS = 200;

/** `docker events`, past all proxies. After a break it asks again from the last second that it saw. */
export class EngineEventsRecorder {
  private readonly seen = new Set<string>();
  private sinceSeconds = Math.floor(Date.now() / 1_000);
  private current: ClientRequest | null = null;
  private isClosed = false;

  constructor(
    private readonly socketPath: string,
    private readonly evidence: EvidenceFolder,
  ) {}

  start(): void {
    if (this.isClosed) return;
    const again = (): void => {
      if (this.current !== call) return;
      this.current = null;
      setTimeout(() => this.start(), RECONNECT_AFTER_MS).unref();
    };
    const call = request({ socketPath: this.socketPath, path: `/events?since=${this.sinceSeconds}`, agent: false });
    this.current = call;
    call.once('error', again);
    call.once('response', (response) => {
      response.once('close', again);
      // A broken answer is an error of the response and, once more, of who reads its lines.
      response.on('error', () => undefined);
      createInterface({ input: response })
        .on('line', (line) => this.record(line))
        .on('error', () => undefined);
    });
    call.end();
  }

  close(): void {
    this.isClosed = true;
    this.current?.destroy();
  }

  /** An engine that was killed may have half a line under way; the whole one comes after `since`. */
  private record(line: string): void {
    if (line === '' || this.seen.has(line)) return;
    const at = secondsOf(line);
    if (at === null) return;
    this.seen.add(line);
    this.sinceSeconds = Math.max(this.sinceSeconds, at - 1);
    this.evidence.appendText('engine-events.jsonl', `${line}\n`);
  }
}

function secondsOf(line: string): number | null {
  try {
    const event = JSON.parse(line) as { time?: unknown };
    return typeof event.time === 'number' ? event.time : null;
  } catch {
    // Cut off in the middle.
    return null;
  }
}
