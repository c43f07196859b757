import { randomUUID } from 'node:crypto';
import type { Cell } from './cell';
import { SLOWNESS } from './cell';

const ANSWER_WITHIN_MS = 5_000 * SLOWNESS;
const ATTEMPTS = 20;

/** A client as docs describe a good one: one Idempotency-Key per POST, and the same request again until it is answered. */
export class PersistentClient {
  /** The keys of what was asked for, by path. */
  readonly keys: string[] = [];

  constructor(
    private readonly cell: Cell,
    private url: string,
    /** Resolves with the address of a scheduler that is well, when the one that was asked has met its crash point. */
    private readonly findAnother: () => Promise<string>,
  ) {}

  /** @returns the answer's body. A 404 for what is asked again is an answer too: it was done the first time. */
  async call<T>(method: string, path: string, body?: unknown, accepted: readonly number[] = []): Promise<T> {
    const key = method === 'POST' ? randomUUID() : null;
    if (key !== null) this.keys.push(key);
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const answer = await this.attempt(method, path, body, key).catch(() => null);
      if (answer === null) this.url = await this.findAnother();
      else if (answer.status === 409 && answer.text.includes('idempotency_in_progress')) await this.letAMinutePass();
      else if (answer.status < 300 || accepted.includes(answer.status)) return parsed<T>(answer.text);
      else if (answer.status === 404 && attempt > 1) return parsed<T>(answer.text);
      else throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    }
    throw new Error(`${method} ${path}: no answer in ${ATTEMPTS} attempts`);
  }

  private async attempt(
    method: string,
    path: string,
    body: unknown,
    key: string | null,
  ): Promise<{ readonly status: number; readonly text: string }> {
    const response = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.cell.apiKey}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(key === null ? {} : { 'idempotency-key': key }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    return { status: response.status, text: await response.text() };
  }

  /** A reservation of a request that nobody answered is given anew after a minute; the clock is put back instead. */
  private async letAMinutePass(): Promise<void> {
    await this.cell.sql(
      `UPDATE idempotency_keys SET reserved_at = reserved_at - interval '61 seconds' WHERE completed_at IS NULL`,
    );
  }
}

function parsed<T>(text: string): T {
  return (text === '' ? undefined : JSON.parse(text)) as T;
}
