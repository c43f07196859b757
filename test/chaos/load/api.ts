import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { sendOnce, type RawAnswer } from '../../kit/client';
import type { EvidenceFolder } from '../evidence-folder';
import type { FaultProxy } from '../../kit/proxy';
import type { SeededRandom } from '../../kit/random';

const REQUEST_TIMEOUT_MS = 15_000;
const RETRY_AFTER_MS = 800;
const BUSY_RETRY_MS = 2_000;

/** The REST API as a careful client uses it: what has no answer is asked again with the same key, at any scheduler. */
export class Api {
  constructor(
    private readonly links: readonly FaultProxy[],
    private readonly apiKey: string,
    private readonly evidence: EvidenceFolder,
    private readonly random: SeededRandom,
  ) {}

  /**
   * Repeats a write until it is answered with a decision: 2xx, or a 4xx that a repetition would not change. Each try is
   * written to requests.jsonl.
   * @throws Error when `signal` ends it first.
   */
  async write(method: string, path: string, body: object | null, signal: AbortSignal): Promise<RawAnswer> {
    // Only POST heeds it. In the evidence it says which tries are one and the same change.
    const idempotencyKey = randomUUID();
    for (;;) {
      signal.throwIfAborted();
      const answer = await this.tryWrite(method, path, body, idempotencyKey);
      if (answer !== null && isDecision(answer)) return answer;
      // A key whose first request died is free again after a while only.
      await delay(answer?.status === 409 ? BUSY_RETRY_MS : RETRY_AFTER_MS, undefined, { signal });
    }
  }

  /** One try, which is written to requests.jsonl when it was answered. Null when it failed. */
  async read<T>(path: string): Promise<T | null> {
    const at = new Date().toISOString();
    const answer = await this.send('GET', path, null, null).catch(() => null);
    if (answer === null || answer.status !== 200) return null;
    this.note(at, 'GET', path, null, null, answer);
    return answer.body as T;
  }

  private async tryWrite(
    method: string,
    path: string,
    body: object | null,
    idempotencyKey: string,
  ): Promise<RawAnswer | null> {
    const at = new Date().toISOString();
    const answer = await this.send(method, path, body, idempotencyKey).catch(() => null);
    this.note(at, method, path, body, idempotencyKey, answer);
    return answer;
  }

  private note(
    at: string,
    method: string,
    path: string,
    body: object | null,
    idempotencyKey: string | null,
    answer: RawAnswer | null,
  ): void {
    this.evidence.append('requests.jsonl', {
      at,
      answeredAt: answer === null ? null : new Date().toISOString(),
      method,
      path: `/api/v1${path}`,
      body,
      idempotencyKey,
      status: answer?.status ?? null,
      answer: answer?.body ?? null,
    });
  }

  private send(method: string, path: string, body: object | null, idempotencyKey: string | null): Promise<RawAnswer> {
    return sendOnce({
      baseUrl: `http://127.0.0.1:${this.random.pick(this.links).port}`,
      apiKey: this.apiKey,
      method,
      path,
      body,
      idempotencyKey,
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
  }
}

/** The first try may still be under way; 429 and 5xx may be well the next time. */
function isDecision({ status, body }: RawAnswer): boolean {
  if (status === 409) return (body as { code?: string } | null)?.code !== 'idempotency_in_progress';
  return status < 500 && status !== 429 && status !== 408;
}
