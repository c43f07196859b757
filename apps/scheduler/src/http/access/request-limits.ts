import { isIPv6 } from 'node:net';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { RequestRefused } from '../server/problem';

/** What one client may ask of one scheduler process. */
export interface RequestLimitSettings {
  /** Requests a minute of one API key, its sessions included, and of one address without a key. */
  readonly requests: number;
  /** Keys, sessions and codes a minute that one address may try and that are none. */
  readonly failures: number;
  /** Event streams of one API key that are open at the same time. */
  readonly streams: number;
  /** The same of one address, whatever keys it has. */
  readonly addressStreams: number;
}

const WINDOW_SECONDS = 60;
/** When a client that has too many streams may try again, s. */
const STREAM_RETRY_SECONDS = 5;

/**
 * Counts in the memory of this process: what is to be protected is this process, and a Redis that is away must not
 * stop anyone. Refusals are `rate_limited`, with `Retry-After`.
 */
export class RequestLimits {
  private readonly requests: RateLimiterMemory;
  private readonly failures: RateLimiterMemory;
  private readonly streams = new Counts();
  private readonly addressStreams = new Counts();

  constructor(private readonly settings: RequestLimitSettings) {
    this.requests = new RateLimiterMemory({ points: settings.requests, duration: WINDOW_SECONDS });
    this.failures = new RateLimiterMemory({ points: settings.failures, duration: WINDOW_SECONDS });
  }

  /** @param who the id of a key, or an address that came without one */
  async countRequest(who: string): Promise<void> {
    await consume(this.requests, who, `more than ${this.settings.requests} requests a minute`);
  }

  /**
   * Counts a failure. What was not seen before counts as one before it is looked up, see `tryOut`: so however many come at
   * the same moment, no more than the limit are looked up.
   */
  async countAttempt(address: string): Promise<void> {
    const words = `more than ${this.settings.failures} unknown API keys or sessions a minute from this address`;
    await consume(this.failures, networkOf(address), words);
  }

  /** As `countAttempt`, with what is tried: null from `find` is the failure. A database that does not answer is none of the client's. */
  async tryOut<T>(address: string, find: () => Promise<T | null>): Promise<T | null> {
    await this.countAttempt(address);
    let isFailure = false;
    try {
      const found = await find();
      isFailure = found === null;
      return found;
    } finally {
      if (!isFailure) await this.failures.reward(networkOf(address), 1);
    }
  }

  /** @returns what to call when the stream is over */
  openStream(keyId: string, address: string): () => void {
    const network = networkOf(address);
    const { streams, addressStreams } = this.settings;
    if (this.streams.of(keyId) >= streams)
      throw refusal(`more than ${streams} open event streams of this API key`, STREAM_RETRY_SECONDS);
    if (this.addressStreams.of(network) >= addressStreams)
      throw refusal(`more than ${addressStreams} open event streams of this address`, STREAM_RETRY_SECONDS);
    this.streams.add(keyId, 1);
    this.addressStreams.add(network, 1);
    let isOpen = true;
    return () => {
      if (!isOpen) return;
      isOpen = false;
      this.streams.add(keyId, -1);
      this.addressStreams.add(network, -1);
    };
  }
}

/** Holds nothing of what is not counted any more. */
class Counts {
  private readonly counts = new Map<string, number>();

  of(who: string): number {
    return this.counts.get(who) ?? 0;
  }

  add(who: string, more: number): void {
    const count = this.of(who) + more;
    if (count === 0) this.counts.delete(who);
    else this.counts.set(who, count);
  }
}

/** Whose addresses count as one: a single IPv4 address, or the /64 that one client of IPv6 usually has for itself. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(address)) return address;
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::');
  const first = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - first.length - last.length;
  const groups = [...first, ...Array.from({ length: Math.max(0, zeros) }, () => '0'), ...last];
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}

async function consume(limiter: RateLimiterMemory, who: string, words: string): Promise<void> {
  try {
    await limiter.consume(who);
  } catch (error) {
    if (!(error instanceof RateLimiterRes)) throw error;
    throw refusal(words, Math.max(1, Math.ceil(error.msBeforeNext / 1_000)));
  }
}

function refusal(words: string, retryAfterSeconds: number): RequestRefused {
  return new RequestRefused('rate_limited', `${words}: try again in ${retryAfterSeconds} s`, {
    headers: { 'Retry-After': String(retryAfterSeconds) },
  });
}
