import type { Clock } from '@crewtab/domain/ports/clock';
import type { AccessStore, ApiPrincipal } from '@crewtab/domain/ports/management-store';
import { hashApiKey } from './api-key';

/** How long a key that was found is trusted without asking again; a revoked key works at most this much longer. */
const TRUST_MS = 5_000;
const MAX_TRUSTED = 1_000;
/** Longer than any key; saves hashing what is none. */
const MAX_KEY_LENGTH = 1_000;

interface Trusted {
  readonly principal: ApiPrincipal;
  readonly untilMs: number;
}

/** Says who a key belongs to. Keys that are unknown are asked for each time, so that a new key works at once. */
export class Authenticator {
  private readonly trusted = new Map<string, Trusted>();

  constructor(
    private readonly access: Pick<AccessStore, 'findKey'>,
    private readonly clock: Clock,
  ) {}

  /** Null for a key that is unknown or revoked. */
  async identify(key: string): Promise<ApiPrincipal | null> {
    if (key === '' || key.length > MAX_KEY_LENGTH) return null;
    const hash = hashApiKey(key);
    const known = this.trusted.get(hash);
    if (known && this.clock.monotonicMs() < known.untilMs) return known.principal;
    this.trusted.delete(hash);
    const principal = await this.access.findKey(hash);
    if (principal) this.trust(hash, principal);
    return principal;
  }

  private trust(hash: string, principal: ApiPrincipal): void {
    if (this.trusted.size >= MAX_TRUSTED) this.trusted.clear();
    this.trusted.set(hash, { principal, untilMs: this.clock.monotonicMs() + TRUST_MS });
  }
}
