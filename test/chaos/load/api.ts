import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { EvidenceFolder } from '../evidence-folder';
import type { FaultyLink } from '../../kit/proxy';
import type { SeededRandom } from '../../kit/random';

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const REQUEST_TIMEOUT_MS = 15_000;
const RETRY_AFTER_MS = 800;
const BUSY_RETRY_MS = 2_000;

/** The REST API as a careful client uses it: what has no answer is asked again with the same key, at any scheduler. */
export class Api {
  constructor(
    private readonly links: readonly FaultyLink[],
    private readonly apiKey: string,
    private readonly evidence: EvidenceFolder,
    private readonly random: SeededRandom,
  ) {}

  /**
   * Repeats a write until it is answered with a decision: 2xx, or a 4xx that a repetition would not change. Each try is
   * written to requests.jsonl.
   * @throws Error when `signal` ends it first.
   */
  async write(method: string, path: string, body: object | null, signal: AbortSignal): Promise<Answer> {
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
  ): Promise<Answer | null> {
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
    answer: Answer | null,
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

  private async send(method: string, path: string, body: object | null, key: string | null): Promise<Answer> {
    const response = await fetch(`http://127.0.0.1:${this.random.pick(this.links).port}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.apiKey}`,
        ...(body === null ? {} : { 'content-type': 'application/json' }),
        ...(key === null ? {} : { 'idempotency-key': key }),
      },
      ...(body === null ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? null : (JSON.parse(text) as unknown) };
  }
}

/** The first try may still be under way; 429 and 5xx may be well the next time. */
function isDecision({ status, body }: Answer): boolean {
  if (status === 409) return (body as { code?: string } | null)?.code !== 'idempotency_in_progress';
  return status < 500 && status !== 429 && status !== 408;
}
