import { AppError, ClaimLostError } from '@crewtab/domain/errors';
import type { DelegationStore } from '@crewtab/domain/ports/delegation-store';
import type { Claim } from '@crewtab/domain/ports/run-store';
import {
  MOST_JOINED_CALLS,
  MOST_NOTES,
  type Delegation,
  type DelegationAnswer,
  type KnownDelegation,
  type TeamNote,
} from '@crewtab/domain/runs/delegation';
import { type Statement, storableJson } from '../database/database';
import { HELD } from './run-transitions';
import type { RunContext } from './run-row';

interface DelegationRow {
  readonly id: string;
  readonly from_agent: string;
  readonly to_agent: string;
  readonly task: string;
  readonly permit_epoch: number | null;
  readonly answer: DelegationAnswer | null;
  readonly joined_calls: string[];
}

interface KnownRow extends Pick<DelegationRow, 'id' | 'from_agent' | 'to_agent' | 'permit_epoch' | 'joined_calls'> {
  readonly is_answered: boolean;
  readonly task_chars: number;
  readonly answer_chars: number;
}

/**
 * Stores the message of the one row that the CTE `changed` may have.
 *
 * @param agent, content SQL of the message
 */
const SAY = (changed: string, agent: string, content: string): string => `
    counted AS (
      UPDATE schedule_runs r SET last_seq = r.last_seq + 1 FROM ${changed} WHERE r.id = ${changed}.run_id RETURNING r.id, r.organization_id, r.last_seq),
    said AS (
      INSERT INTO messages (organization_id, run_id, seq, agent, kind, content, at)
      SELECT counted.organization_id, counted.id, last_seq, ${agent}, 'delegation', ${content}, now() FROM counted, ${changed})`;

const OPEN: Statement = {
  name: 'delegation_open',
  text: `WITH ${HELD},
    known AS (
      SELECT d.id FROM delegations d JOIN held ON held.id = d.run_id WHERE d.id = $3 OR $3 = ANY (d.joined_calls)),
    same AS (
      SELECT d.id FROM delegations d JOIN held ON held.id = d.run_id
      WHERE d.answer IS NULL AND d.from_agent = $4 AND d.to_agent = $5 AND d.task = $6 AND NOT EXISTS (SELECT FROM known)
      ORDER BY d.opened_at, d.id LIMIT 1),
    joined AS (
      UPDATE delegations d SET joined_calls = d.joined_calls[greatest(1, cardinality(d.joined_calls) - ${MOST_JOINED_CALLS - 2}):] || $3
      FROM held, same WHERE d.run_id = held.id AND d.id = same.id RETURNING d.id),
    opened AS (
      INSERT INTO delegations (organization_id, run_id, id, from_agent, to_agent, task, opened_at)
      SELECT r.organization_id, r.id, $3, $4, $5, $6, clock_timestamp() FROM schedule_runs r JOIN held ON held.id = r.id
      WHERE NOT EXISTS (SELECT FROM known) AND NOT EXISTS (SELECT FROM same)
      ON CONFLICT (run_id, id) DO NOTHING RETURNING *),
    ${SAY('opened', '$4', '$7::jsonb')}
    SELECT id, true AS is_new FROM opened
    UNION ALL SELECT id, false FROM joined UNION ALL SELECT id, false FROM known`,
};

const PERMIT: Statement = {
  name: 'delegation_permit',
  text: `WITH ${HELD}
    UPDATE delegations d SET permit_epoch = COALESCE(d.permit_epoch, $2) FROM held WHERE d.run_id = held.id AND d.id = $3
    RETURNING d.permit_epoch`,
};

const ANSWER: Statement = {
  name: 'delegation_answer',
  text: `WITH ${HELD},
    answered AS (
      UPDATE delegations d SET answer = $4::jsonb, answered_at = now()
      FROM held WHERE d.run_id = held.id AND d.id = $3 AND d.answer IS NULL RETURNING d.run_id, d.id, d.from_agent, d.to_agent),
    ${SAY('answered', 'to_agent', `jsonb_build_object('id', answered.id, 'to', from_agent) || $4::jsonb`)}
    SELECT id FROM answered`,
};

/** The two that follow check the claim too: a held run answers a row without an id where it has no such delegation. */
const READ: Statement = {
  name: 'delegation_read',
  text: `SELECT d.* FROM schedule_runs r LEFT JOIN delegations d ON d.run_id = r.id AND d.id = $3 WHERE r.id = $1 AND r.epoch = $2`,
};

const LIST: Statement = {
  name: 'delegation_list',
  text: `SELECT d.id, d.from_agent, d.to_agent, d.permit_epoch, d.joined_calls, d.answer IS NOT NULL AS is_answered, char_length(d.task) AS task_chars,
      COALESCE(char_length(COALESCE(d.answer ->> 'text', d.answer ->> 'error')), 0) AS answer_chars
    FROM schedule_runs r LEFT JOIN delegations d ON d.run_id = r.id WHERE r.id = $1 AND r.epoch = $2 ORDER BY d.opened_at, d.id`,
};

const NOTES: Statement = {
  name: 'delegation_notes',
  text: `SELECT m.content ->> 'note' AS id, m.agent, m.content ->> 'text' AS text
    FROM schedule_runs r LEFT JOIN messages m ON m.run_id = r.id AND m.kind = 'system' AND m.agent IS NOT NULL AND m.content ? 'note'
    WHERE r.id = $1 AND r.epoch = $2 ORDER BY m.seq LIMIT ${MOST_NOTES}`,
};

/** Each method that writes is one statement that locks the run's row first, as appends of messages do. */
export class PrismaDelegationStore implements DelegationStore {
  constructor(private readonly context: RunContext) {}

  async openDelegation(
    claim: Claim,
    { id, from, to, task }: Pick<Delegation, 'id' | 'from' | 'to' | 'task'>,
  ): Promise<Delegation> {
    const values = [claim.runId, claim.epoch, id, from, to, task, storableJson({ id, to, task })];
    const [opened] = await this.context.db.query<{ id: string; is_new: boolean }>(OPEN, values);
    if (!opened?.is_new) return this.readDelegation(claim, opened?.id ?? id);
    this.context.changes.touch(claim.runId);
    return { id, from, to, task, answer: null, isPermitted: false, joinedCalls: [] };
  }

  async permitDelegation(claim: Claim, id: string): Promise<boolean> {
    const values = [claim.runId, claim.epoch, id];
    const [permitted] = await this.context.db.query<Pick<DelegationRow, 'permit_epoch'>>(PERMIT, values);
    // Says why.
    if (!permitted) await this.readDelegation(claim, id);
    return permitted?.permit_epoch === claim.epoch;
  }

  async answerDelegation(claim: Claim, id: string, answer: DelegationAnswer): Promise<DelegationAnswer> {
    const [answered] = await this.context.db.query(ANSWER, [claim.runId, claim.epoch, id, storableJson(answer)]);
    if (!answered) return (await this.readDelegation(claim, id)).answer ?? answer;
    this.context.changes.touch(claim.runId);
    return answer;
  }

  async readDelegation(claim: Claim, id: string): Promise<Delegation> {
    const values = [claim.runId, claim.epoch, id];
    const [row] = await this.context.db.query<DelegationRow | { id: null }>(READ, values);
    if (!row) throw new ClaimLostError(claim.runId);
    if (row.id === null) throw new AppError('not_found', `run ${claim.runId} has no delegation ${id}`);
    return toDelegation(row);
  }

  async listDelegations(claim: Claim): Promise<KnownDelegation[]> {
    const rows = await this.context.db.query<KnownRow | { id: null }>(LIST, [claim.runId, claim.epoch]);
    if (rows.length === 0) throw new ClaimLostError(claim.runId);
    return rows.flatMap((row) => (row.id === null ? [] : toKnown(row)));
  }

  async listNotes(claim: Claim): Promise<TeamNote[]> {
    const rows = await this.context.db.query<TeamNote | { id: null }>(NOTES, [claim.runId, claim.epoch]);
    if (rows.length === 0) throw new ClaimLostError(claim.runId);
    return rows.flatMap((row) => (row.id === null ? [] : row));
  }
}

function toDelegation(row: DelegationRow): Delegation {
  const { id, from_agent: from, to_agent: to, task, answer } = row;
  return { id, from, to, task, answer, isPermitted: row.permit_epoch !== null, joinedCalls: row.joined_calls };
}

function toKnown(row: KnownRow): KnownDelegation {
  return {
    id: row.id,
    from: row.from_agent,
    to: row.to_agent,
    isPermitted: row.permit_epoch !== null,
    joinedCalls: row.joined_calls,
    isAnswered: row.is_answered,
    taskChars: row.task_chars,
    answerChars: row.answer_chars,
  };
}
