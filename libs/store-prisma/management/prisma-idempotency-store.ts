import type { IdempotencyReservation, IdempotencyStore, StoredAnswer } from '@crewtab/domain/ports/management-store';
import { effect } from '@crewtab/domain/failpoint';
import type { Database, Statement } from '../database/database';
import type { SealedPlace, SecretBox } from '../database/secret-box';

const KEPT = `interval '24 hours'`;
/** An unanswered reservation of that age belongs to a process that died. */
const CRASHED = `interval '60 seconds'`;

const RESERVE: Statement = {
  name: 'idempotency_reserve',
  text: `INSERT INTO idempotency_keys AS k (organization_id, key, fingerprint) VALUES ($1, $2, $3)
    ON CONFLICT (organization_id, key) DO UPDATE
      SET fingerprint = EXCLUDED.fingerprint, reserved_at = now(), status_code = NULL, sealed_body = NULL, completed_at = NULL,
        resource_id = CASE WHEN k.reserved_at < now() - ${KEPT} THEN EXCLUDED.resource_id ELSE k.resource_id END
      WHERE k.reserved_at < now() - ${KEPT}
        OR (k.completed_at IS NULL AND k.fingerprint = EXCLUDED.fingerprint AND k.reserved_at < now() - ${CRASHED})
    RETURNING k.resource_id`,
};

const READ: Statement = {
  name: 'idempotency_read',
  text: 'SELECT fingerprint, status_code, sealed_body FROM idempotency_keys WHERE organization_id = $1 AND key = $2',
};

const COMPLETE: Statement = {
  name: 'idempotency_complete',
  text: `UPDATE idempotency_keys SET status_code = $3, sealed_body = $4, completed_at = now()
    WHERE organization_id = $1 AND key = $2 AND completed_at IS NULL`,
};

const ABANDON: Statement = {
  name: 'idempotency_abandon',
  text: 'DELETE FROM idempotency_keys WHERE organization_id = $1 AND key = $2 AND completed_at IS NULL',
};

/** As if its process had died more than a minute ago. */
const RELEASE: Statement = {
  name: 'idempotency_release',
  text: `UPDATE idempotency_keys SET reserved_at = LEAST(reserved_at, now() - 2 * ${CRASHED})
    WHERE organization_id = $1 AND key = $2 AND completed_at IS NULL`,
};

const PURGE: Statement = {
  name: 'idempotency_purge',
  text: `DELETE FROM idempotency_keys k USING (
      SELECT organization_id, key FROM idempotency_keys WHERE reserved_at < now() - ${KEPT}
      ORDER BY reserved_at LIMIT 1000 FOR UPDATE SKIP LOCKED) AS old
    WHERE k.organization_id = old.organization_id AND k.key = old.key`,
};

/** A process deletes old keys at its first reservation, and then at each so many. */
const PURGE_EVERY = 100;

export function answerPlace(organizationId: string, key: string): SealedPlace {
  return ['answer', organizationId, key];
}

interface ReservedRow {
  readonly resource_id: string;
}

interface KeyRow {
  readonly fingerprint: string;
  readonly status_code: number | null;
  readonly sealed_body: string | null;
}

/** Answers are sealed: those of earlier versions repeat environments. */
export class PrismaIdempotencyStore implements IdempotencyStore {
  private reservations = 0;

  constructor(
    private readonly db: Database,
    private readonly box: SecretBox,
  ) {}

  async reserve(organizationId: string, key: string, fingerprint: string): Promise<IdempotencyReservation> {
    if (this.reservations++ % PURGE_EVERY === 0) await effect('postgres.idempotency.purge', () => this.db.query(PURGE));
    for (;;) {
      const [reserved] = await this.db.query<ReservedRow>(RESERVE, [organizationId, key, fingerprint]);
      if (reserved) return { state: 'new', resourceId: reserved.resource_id };
      const [row] = await this.db.query<KeyRow>(READ, [organizationId, key]);
      if (row) return this.describe(row, fingerprint, answerPlace(organizationId, key));
      // Abandoned in between: it is free again.
    }
  }

  async complete(organizationId: string, key: string, { status, body }: StoredAnswer): Promise<void> {
    const sealed = this.box.seal(JSON.stringify({ body }), answerPlace(organizationId, key));
    await this.db.query(COMPLETE, [organizationId, key, status, sealed]);
  }

  async abandon(organizationId: string, key: string, outcome: 'refused' | 'unknown'): Promise<void> {
    await this.db.query(outcome === 'refused' ? ABANDON : RELEASE, [organizationId, key]);
  }

  private describe(row: KeyRow, fingerprint: string, place: SealedPlace): IdempotencyReservation {
    if (row.fingerprint !== fingerprint) return { state: 'mismatch' };
    if (row.status_code === null || row.sealed_body === null) return { state: 'busy' };
    const { body } = JSON.parse(this.box.open(row.sealed_body, place)) as { body?: unknown };
    return { state: 'done', answer: { status: row.status_code, body } };
  }
}
