import type {
  AccessStore,
  ApiPrincipal,
  IdempotencyReservation,
  IdempotencyStore,
  StoredAnswer,
} from '@crewtab/domain/ports/management-store';
import { fakeUuid } from '../stores/stored-run';

/** API keys without a database. */
export class InMemoryAccess implements AccessStore {
  readonly keys = new Map<string, ApiPrincipal>();
  lookUps = 0;

  findKey(keyHash: string): Promise<ApiPrincipal | null> {
    this.lookUps += 1;
    return Promise.resolve(this.keys.get(keyHash) ?? null);
  }

  createFirstKey(keyHash: string): Promise<boolean> {
    if (this.keys.size > 0) return Promise.resolve(false);
    this.keys.set(keyHash, { keyId: 'first', organizationId: 'default', role: 'admin' });
    return Promise.resolve(true);
  }

  hasAnyKey(): Promise<boolean> {
    return Promise.resolve(this.keys.size > 0);
  }
}

interface Reserved {
  readonly fingerprint: string;
  readonly resourceId: string;
  /** No request is at work on it. */
  isReleased: boolean;
  answer: StoredAnswer | null;
}

/** Idempotency keys without a database; reservations never run out here by themselves. */
export class InMemoryIdempotency implements IdempotencyStore {
  readonly reserved = new Map<string, Reserved>();
  private made = 0;

  reserve(organizationId: string, key: string, fingerprint: string): Promise<IdempotencyReservation> {
    const known = this.reserved.get(`${organizationId}/${key}`);
    if (!known) {
      const resourceId = fakeUuid(++this.made, 6);
      this.reserved.set(`${organizationId}/${key}`, { fingerprint, resourceId, isReleased: false, answer: null });
      return Promise.resolve({ state: 'new', resourceId });
    }
    if (known.fingerprint !== fingerprint) return Promise.resolve({ state: 'mismatch' });
    if (known.isReleased) {
      known.isReleased = false;
      return Promise.resolve({ state: 'new', resourceId: known.resourceId });
    }
    return Promise.resolve(known.answer ? { state: 'done', answer: known.answer } : { state: 'busy' });
  }

  complete(organizationId: string, key: string, answer: StoredAnswer): Promise<void> {
    const known = this.reserved.get(`${organizationId}/${key}`);
    // As jsonb would keep it.
    if (known) known.answer = JSON.parse(JSON.stringify(answer)) as StoredAnswer;
    return Promise.resolve();
  }

  abandon(organizationId: string, key: string, outcome: 'refused' | 'unknown'): Promise<void> {
    const known = this.reserved.get(`${organizationId}/${key}`);
    if (outcome === 'refused') this.reserved.delete(`${organizationId}/${key}`);
    else if (known) known.isReleased = true;
    return Promise.resolve();
  }
}
