import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { sendOnce, type RawAnswer } from '../../kit/client';
import { SLOWNESS, type Cell } from './cell';

const ANSWER_WITHIN_MS = 5_000 * SLOWNESS;
/** Until a request is given up: a bound for busy machines, ms. */
const DONE_WITHIN_MS = 180_000 * SLOWNESS;
/** Before the same scheduler is asked again: it may only be slow, ms. */
const ASK_AGAIN_AFTER_MS = 500;

/** A client as docs describe a good one: one Idempotency-Key per POST, and the same request again until it is answered. */
export class PersistentClient {
  /** The keys of what was asked for, by path. */
  readonly keys: string[] = [];

  constructor(
    private readonly cell: Cell,
    private url: string,
    /** Resolves with the address of a scheduler that is well, once the one that was asked has met its crash point. */
    private readonly another: Promise<string> = never(),
  ) {}

  /** @returns the answer's body. A 404 for what is asked again is an answer too: it was done the first time. */
  async call<T>(method: string, path: string, body?: unknown, accepted: readonly number[] = []): Promise<T> {
    const key = method === 'POST' ? randomUUID() : null;
    if (key !== null) this.keys.push(key);
    const until = performance.now() + DONE_WITHIN_MS;
    let seen = 'no answer';
    for (let attempt = 1; performance.now() < until; attempt++) {
      const answer = await this.attempt(method, path, body, key).catch(() => null);
      seen = answer ? `${answer.status} ${JSON.stringify(answer.body)}` : 'no answer';
      if (answer === null || answer.status === 503) await this.findBetter();
      else if (answer.status === 409 && codeOf(answer) === 'idempotency_in_progress') await this.letAMinutePass();
      else if (answer.status < 300 || accepted.includes(answer.status)) return answer.body as T;
      else if (answer.status === 404 && attempt > 1) return answer.body as T;
      else break;
    }
    throw new Error(`${method} ${path}: ${seen}`);
  }

  private attempt(method: string, path: string, body: unknown, idempotencyKey: string | null): Promise<RawAnswer> {
    const { url } = this;
    const isOvertaken = new AbortController();
    void this.another.then((better) => better === url || isOvertaken.abort()).catch(() => undefined);
    const signal = AbortSignal.any([isOvertaken.signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]);
    return sendOnce({ baseUrl: url, apiKey: this.cell.apiKey, method, path, body, idempotencyKey, signal });
  }

  /** One that came in place of the one that was asked; or the same again, which may only be slow. */
  private async findBetter(): Promise<void> {
    const hasChosen = new AbortController();
    const same = delay(ASK_AGAIN_AFTER_MS, this.url, { signal: hasChosen.signal });
    same.catch(() => undefined);
    const better = this.another.then((url) => (url === this.url ? same : url));
    this.url = await Promise.race([better, same]).finally(() => hasChosen.abort());
  }

  /** A reservation of a request without an answer is given anew after a minute; the clock is put back instead. */
  private async letAMinutePass(): Promise<void> {
    await this.cell.sql(
      `UPDATE idempotency_keys SET reserved_at = reserved_at - interval '61 seconds' WHERE completed_at IS NULL`,
    );
  }
}

function codeOf({ body }: RawAnswer): string | undefined {
  return (body as { code?: string } | null)?.code;
}

function never(): Promise<string> {
  return new Promise(() => undefined);
}
