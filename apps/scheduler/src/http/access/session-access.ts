import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { ApiPrincipal } from '@crewtab/domain/ports/management-store';
import type { Session, SessionStore } from '@crewtab/domain/ports/session-store';
import { hashApiKey } from './api-key';
import type { RequestLimits } from './request-limits';

/** How long a code for one log-in is valid, ms. */
const CODE_VALID_MS = 10 * 60_000;
/** Browsers send some hundred characters. */
const MAX_CLIENT_LENGTH = 300;
const MAX_KNOWN = 1_000;

export interface SessionLimits {
  readonly sessionIdleMs: number;
  readonly sessionLimitMs: number;
}

/** A session as a request uses it. */
export interface UsedSession {
  readonly session: Session;
  /** Known to who can read answers of this origin: a page of another site cannot. */
  readonly csrfToken: string;
}

type Found = Awaited<ReturnType<SessionStore['useSession']>>;

/**
 * Logs browsers in and knows them again. Asks the store each time, so that a session that was ended is over at once. As with
 * keys, tokens and codes that are none count as failures of their address, and a session that was valid the last time is
 * looked up whatever else comes from there.
 */
export class SessionAccess {
  /** Hashes of tokens that were valid the last time. */
  private readonly known = new Set<string>();
  private readonly tryOuts = new Map<string, Promise<Found>>();

  constructor(
    private readonly sessions: SessionStore,
    private readonly settings: SessionLimits,
    private readonly limits: Pick<RequestLimits, 'tryOut'>,
  ) {}

  async logIn(principal: ApiPrincipal, client: string): Promise<UsedSession & { readonly token: string }> {
    const token = randomToken();
    const session = await this.sessions.createSession({
      keyId: principal.keyId,
      tokenHash: hashToken(token),
      client: printable(client).slice(0, MAX_CLIENT_LENGTH),
      limitMs: this.settings.sessionLimitMs,
    });
    this.note(hashToken(token));
    return { token, session, csrfToken: csrfTokenOf(token) };
  }

  /** Null for a session that is over. Throws `rate_limited` when the address has tried too many of those. */
  async identify(token: string, address: string): Promise<(UsedSession & { readonly principal: ApiPrincipal }) | null> {
    const hash = hashToken(token);
    const used = await (this.known.has(hash) ? this.use(hash) : this.tryOut(hash, address));
    return used && { ...used, csrfToken: csrfTokenOf(token) };
  }

  list({ keyId }: ApiPrincipal): Promise<Session[]> {
    return this.sessions.listSessions(keyId, this.settings.sessionIdleMs);
  }

  end({ keyId }: ApiPrincipal, sessionId: string): Promise<boolean> {
    return this.sessions.endSession(keyId, sessionId);
  }

  endAll({ keyId }: ApiPrincipal): Promise<void> {
    return this.sessions.endAllSessions(keyId);
  }

  async makeCode({ keyId }: ApiPrincipal): Promise<{ readonly code: string; readonly expiresAt: Date }> {
    const code = randomToken();
    return { code, ...(await this.sessions.createCode(keyId, hashToken(code), CODE_VALID_MS)) };
  }

  /** Null for a code that is unknown, used or too old. Throws `rate_limited` as `identify` does. */
  redeem(code: string, address: string): Promise<ApiPrincipal | null> {
    return this.limits.tryOut(address, () => this.sessions.redeemCode(hashToken(code)));
  }

  /** The first requests of a browser come at the same moment, after a restart too: they count once. */
  private tryOut(hash: string, address: string): Promise<Found> {
    const shared =
      this.tryOuts.get(hash) ??
      this.limits.tryOut(address, () => this.use(hash)).finally(() => this.tryOuts.delete(hash));
    this.tryOuts.set(hash, shared);
    return shared;
  }

  private async use(hash: string): Promise<Found> {
    const used = await this.sessions.useSession(hash, this.settings.sessionIdleMs);
    if (used) this.note(hash);
    else this.known.delete(hash);
    return used;
  }

  private note(hash: string): void {
    if (this.known.size >= MAX_KNOWN) this.known.clear();
    this.known.add(hash);
  }
}

export function isSameToken(given: string, wanted: string): boolean {
  return timingSafeEqual(Buffer.from(hashToken(given)), Buffer.from(hashToken(wanted)));
}

/** 256 bits. */
function randomToken(): string {
  return randomBytes(32).toString('base64url');
}

/** Tokens are as random as keys. */
function hashToken(token: string): string {
  return hashApiKey(token);
}

/** Follows from the session's token, which no script can read. */
function csrfTokenOf(token: string): string {
  return createHash('sha256').update(`csrf ${token}`).digest('base64url');
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '');
}
