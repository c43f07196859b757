import type { ApiPrincipal } from './management-store';

/** How many sessions a key can have at once; a further one ends the oldest. */
export const MAX_SESSIONS_PER_KEY = 100;

/** A browser that is logged in. */
export interface Session {
  readonly id: string;
  /** What the browser called itself when it logged in: its User-Agent. */
  readonly client: string;
  readonly createdAt: Date;
  /** To within a minute, or a quarter of the idle limit where that is shorter. */
  readonly lastSeenAt: Date;
  /** The end, however much it is used. */
  readonly expiresAt: Date;
}

export interface NewSession {
  readonly keyId: string;
  /** SHA-256 of the token in hex; so it is for codes. */
  readonly tokenHash: string;
  readonly client: string;
  /** How long it may last, ms. */
  readonly limitMs: number;
}

/**
 * Sessions and the codes for one log-in. All instants are of the store's clock. A session is over, and no method finds it, once
 * `expiresAt` has come, nothing was asked with it for `idleMs`, or its key is revoked.
 */
export interface SessionStore {
  /** Also deletes what is over of all keys, and the oldest of this key beyond MAX_SESSIONS_PER_KEY. */
  createSession(session: NewSession): Promise<Session>;
  /** Whose it is, and notes that it was seen. Null when there is none, or it is over. */
  useSession(
    tokenHash: string,
    idleMs: number,
  ): Promise<{ readonly session: Session; readonly principal: ApiPrincipal } | null>;
  /** Of one key, newest first. */
  listSessions(keyId: string, idleMs: number): Promise<Session[]>;
  /** False when the key has no such session. */
  endSession(keyId: string, sessionId: string): Promise<boolean>;
  endAllSessions(keyId: string): Promise<void>;
  /** Valid for `validMs` and for one `redeemCode`. Also deletes what was not redeemed in time. */
  createCode(keyId: string, codeHash: string, validMs: number): Promise<{ readonly expiresAt: Date }>;
  /** The key that made it. Null when it is unknown, was redeemed, is too old, or its key is revoked. */
  redeemCode(codeHash: string): Promise<ApiPrincipal | null>;
}
