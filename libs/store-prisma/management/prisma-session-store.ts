import type { ApiPrincipal } from '@crewtab/domain/ports/management-store';
import {
  MAX_SESSIONS_PER_KEY,
  type NewSession,
  type Session,
  type SessionStore,
} from '@crewtab/domain/ports/session-store';
import type { Database, Statement } from '../database/database';

/** So often at most a session's row is written only because it was used. */
const SEEN_EVERY_MS = 60_000;

const COLUMNS = 's.id, s.client, s.created_at, s.last_seen_at, s.expires_at';

const CREATE: Statement = {
  name: 'session_create',
  text: `WITH expired AS (DELETE FROM sessions WHERE expires_at <= now()),
    crowded AS (
      DELETE FROM sessions WHERE id IN (
        SELECT id FROM sessions WHERE api_key_id = $1 ORDER BY created_at DESC, id DESC OFFSET ${MAX_SESSIONS_PER_KEY - 1}))
    INSERT INTO sessions AS s (api_key_id, token_hash, client, expires_at)
    VALUES ($1, $2, $3, now() + $4 * interval '1 ms') RETURNING ${COLUMNS}`,
};

const USE: Statement = {
  name: 'session_use',
  text: `WITH found AS (
      SELECT ${COLUMNS}, k.id AS key_id, k.organization_id, k.role
      FROM sessions s JOIN api_keys k ON k.id = s.api_key_id AND k.revoked_at IS NULL
      WHERE s.token_hash = $1 AND s.expires_at > now() AND s.last_seen_at > now() - $2 * interval '1 ms'),
    seen AS (
      UPDATE sessions SET last_seen_at = now()
      WHERE id = (SELECT id FROM found WHERE last_seen_at <= now() - $3 * interval '1 ms'))
    SELECT * FROM found`,
};

const LIST: Statement = {
  name: 'session_list',
  text: `SELECT ${COLUMNS} FROM sessions s
    WHERE s.api_key_id = $1 AND s.expires_at > now() AND s.last_seen_at > now() - $2 * interval '1 ms'
    ORDER BY s.created_at DESC, s.id DESC`,
};

const END: Statement = {
  name: 'session_end',
  text: 'DELETE FROM sessions WHERE api_key_id = $1 AND id = $2 RETURNING id',
};

const END_ALL: Statement = { name: 'session_end_all', text: 'DELETE FROM sessions WHERE api_key_id = $1' };

const CREATE_CODE: Statement = {
  name: 'login_code_create',
  text: `WITH expired AS (DELETE FROM login_codes WHERE expires_at <= now())
    INSERT INTO login_codes (code_hash, api_key_id, expires_at)
    VALUES ($1, $2, now() + $3 * interval '1 ms') RETURNING expires_at`,
};

const REDEEM_CODE: Statement = {
  name: 'login_code_redeem',
  text: `DELETE FROM login_codes c USING api_keys k
    WHERE c.code_hash = $1 AND c.expires_at > now() AND k.id = c.api_key_id AND k.revoked_at IS NULL
    RETURNING k.id AS key_id, k.organization_id, k.role`,
};

interface SessionRow {
  readonly id: string;
  readonly client: string;
  readonly created_at: Date;
  readonly last_seen_at: Date;
  readonly expires_at: Date;
}

interface KeyRow {
  readonly key_id: string;
  readonly organization_id: string;
  readonly role: ApiPrincipal['role'];
}

/** Every method is one statement. */
export class PrismaSessionStore implements SessionStore {
  constructor(private readonly db: Database) {}

  async createSession({ keyId, tokenHash, client, limitMs }: NewSession): Promise<Session> {
    const [row] = await this.db.query<SessionRow>(CREATE, [keyId, tokenHash, client, limitMs]);
    if (!row) throw new Error('no session was made');
    return toSession(row);
  }

  async useSession(
    tokenHash: string,
    idleMs: number,
  ): Promise<{ readonly session: Session; readonly principal: ApiPrincipal } | null> {
    const seenEveryMs = Math.min(SEEN_EVERY_MS, idleMs / 4);
    const [row] = await this.db.query<SessionRow & KeyRow>(USE, [tokenHash, idleMs, seenEveryMs]);
    return row ? { session: toSession(row), principal: toPrincipal(row) } : null;
  }

  async listSessions(keyId: string, idleMs: number): Promise<Session[]> {
    return (await this.db.query<SessionRow>(LIST, [keyId, idleMs])).map(toSession);
  }

  async endSession(keyId: string, sessionId: string): Promise<boolean> {
    return (await this.db.query(END, [keyId, sessionId])).length > 0;
  }

  async endAllSessions(keyId: string): Promise<void> {
    await this.db.query(END_ALL, [keyId]);
  }

  async createCode(keyId: string, codeHash: string, validMs: number): Promise<{ readonly expiresAt: Date }> {
    const [row] = await this.db.query<{ expires_at: Date }>(CREATE_CODE, [codeHash, keyId, validMs]);
    if (!row) throw new Error('no code was made');
    return { expiresAt: row.expires_at };
  }

  async redeemCode(codeHash: string): Promise<ApiPrincipal | null> {
    const [row] = await this.db.query<KeyRow>(REDEEM_CODE, [codeHash]);
    return row ? toPrincipal(row) : null;
  }
}

function toSession(row: SessionRow): Session {
  return {
    id: row.id,
    client: row.client,
    createdAt: row.created_at,
    lastSeenAt: row.last_seen_at,
    expiresAt: row.expires_at,
  };
}

function toPrincipal({ key_id, organization_id, role }: KeyRow): ApiPrincipal {
  return { keyId: key_id, organizationId: organization_id, role };
}
