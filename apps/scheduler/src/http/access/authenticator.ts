import type { Clock } from '@crewtab/domain/ports/clock';
import type { AccessStore, ApiPrincipal } from '@crewtab/domain/ports/management-store';
import { hashApiKey } from './api-key';
import type { RequestLimits } from './request-limits';

/** How long a key that was found is trusted without asking again; a revoked key works at most this much longer. */
const TRUST_MS = 5_000;
const MAX_TRUSTED = 1_000;
/** Longer than any key; saves hashing what is none. */
const MAX_KEY_LENGTH = 1_000;

interface Trusted {
  readonly principal: ApiPrincipal;
  readonly untilMs: number;
}

/**
 * Says who a key belongs to. A key that was valid the last time is looked up whatever else comes from its address, so that
 * guesses behind the same proxy lock nobody out; others are looked up each time, so that a new key works at once, but
 * only as often as the limit of failures allows.
 */
export class Authenticator {
  private readonly trusted = new Map<string, Trusted>();
  private readonly lookUps = new Map<string, Promise<ApiPrincipal | null>>();

  constructor(
    private readonly access: Pick<AccessStore, 'findKey'>,
    private readonly clock: Clock,
    private readonly limits: Pick<RequestLimits, 'countAttempt' | 'tryOut'>,
  ) {}

  /** Null for a key that is unknown or revoked. Throws `rate_limited` when the address has tried too many of those. */
  async identify(key: string, address: string): Promise<ApiPrincipal | null> {
    if (key === '' || key.length > MAX_KEY_LENGTH) {
      await this.limits.countAttempt(address);
      return null;
    }
    const hash = hashApiKey(key);
    const known = this.trusted.get(hash);
    if (known && this.clock.monotonicMs() < known.untilMs) return known.principal;
    return this.lookUp(hash, () => (known ? this.find(hash) : this.limits.tryOut(address, () => this.find(hash))));
  }

  /** Requests that come with the same key at the same moment share one query. */
  private lookUp(hash: string, find: () => Promise<ApiPrincipal | null>): Promise<ApiPrincipal | null> {
    const shared = this.lookUps.get(hash) ?? find().finally(() => this.lookUps.delete(hash));
    this.lookUps.set(hash, shared);
    return shared;
  }

  private async find(hash: string): Promise<ApiPrincipal | null> {
    const principal = await this.access.findKey(hash);
    if (principal) this.trust(hash, principal);
    else this.trusted.delete(hash);
    return principal;
  }

  private trust(hash: string, principal: ApiPrincipal): void {
    if (this.trusted.size >= MAX_TRUSTED) this.trusted.clear();
    this.trusted.set(hash, { principal, untilMs: this.clock.monotonicMs() + TRUST_MS });
  }
}
