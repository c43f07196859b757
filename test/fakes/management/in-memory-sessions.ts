import type { Clock } from '@crewtab/domain/ports/clock';
import type { ApiPrincipal } from '@crewtab/domain/ports/management-store';
import {
  MAX_SESSIONS_PER_KEY,
  type NewSession,
  type Session,
  type SessionStore,
} from '@crewtab/domain/ports/session-store';
import { fakeUuid } from '../stores/stored-run';
import type { InMemoryAccess } from './in-memory-access';

interface StoredSession {
  readonly keyId: string;
  readonly tokenHash: string;
  session: Session;
}

interface StoredCode {
  readonly keyId: string;
  readonly expiresAt: Date;
}

/** Sessions without a database, of the keys that `access` has. */
export class InMemorySessions implements SessionStore {
  private sessions: StoredSession[] = [];
  private readonly codes = new Map<string, StoredCode>();
  private made = 0;

  constructor(
    private readonly access: Pick<InMemoryAccess, 'keys'>,
    private readonly clock: Pick<Clock, 'now'>,
  ) {}

  createSession({ keyId, tokenHash, client, limitMs }: NewSession): Promise<Session> {
    const now = this.clock.now();
    const expiresAt = new Date(now.getTime() + limitMs);
    const session = { id: fakeUuid(++this.made, 7), client, createdAt: now, lastSeenAt: now, expiresAt };
    const oldest = this.sessions.filter((stored) => stored.keyId === keyId).slice(MAX_SESSIONS_PER_KEY - 1);
    this.sessions = this.sessions.filter((stored) => stored.session.expiresAt > now && !oldest.includes(stored));
    this.sessions.unshift({ keyId, tokenHash, session });
    return Promise.resolve(session);
  }

  useSession(
    tokenHash: string,
    idleMs: number,
  ): Promise<{ readonly session: Session; readonly principal: ApiPrincipal } | null> {
    const stored = this.sessions.find((one) => one.tokenHash === tokenHash && this.isLive(one, idleMs));
    const principal = stored && this.principalOf(stored.keyId);
    if (!stored || !principal) return Promise.resolve(null);
    const { session } = stored;
    stored.session = { ...session, lastSeenAt: this.clock.now() };
    return Promise.resolve({ session, principal });
  }

  listSessions(keyId: string, idleMs: number): Promise<Session[]> {
    const live = this.sessions.filter((stored) => stored.keyId === keyId && this.isLive(stored, idleMs));
    return Promise.resolve(live.map(({ session }) => session));
  }

  endSession(keyId: string, sessionId: string): Promise<boolean> {
    const before = this.sessions.length;
    this.sessions = this.sessions.filter(
      ({ session, ...stored }) => stored.keyId !== keyId || session.id !== sessionId,
    );
    return Promise.resolve(this.sessions.length < before);
  }

  endAllSessions(keyId: string): Promise<void> {
    this.sessions = this.sessions.filter((stored) => stored.keyId !== keyId);
    return Promise.resolve();
  }

  createCode(keyId: string, codeHash: string, validMs: number): Promise<{ readonly expiresAt: Date }> {
    const expiresAt = new Date(this.clock.now().getTime() + validMs);
    this.codes.set(codeHash, { keyId, expiresAt });
    return Promise.resolve({ expiresAt });
  }

  redeemCode(codeHash: string): Promise<ApiPrincipal | null> {
    const code = this.codes.get(codeHash);
    if (!code || code.expiresAt <= this.clock.now()) return Promise.resolve(null);
    this.codes.delete(codeHash);
    return Promise.resolve(this.principalOf(code.keyId) ?? null);
  }

  private isLive({ session }: StoredSession, idleMs: number): boolean {
    const now = this.clock.now();
    return session.expiresAt > now && session.lastSeenAt.getTime() > now.getTime() - idleMs;
  }

  /** A key that is no longer among those of `access` is revoked. */
  private principalOf(keyId: string): ApiPrincipal | undefined {
    return [...this.access.keys.values()].find((principal) => principal.keyId === keyId);
  }
}
