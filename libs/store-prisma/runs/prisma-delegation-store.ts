import { AppError, ClaimLostError } from '@crewtab/domain/errors';
import type { DelegationStore } from '@crewtab/domain/ports/delegation-store';
import type { Claim } from '@crewtab/domain/ports/run-store';
import type { Delegation, DelegationAnswer } from '@crewtab/domain/runs/delegation';
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
}

/**
 * Stores one message for each row of the CTE `changed`.
 *
 * @param agent, content SQL parameters of the message
 */
const SAY = (changed: string, agent: string, content: string): string => `
    counted AS (
      UPDATE schedule_runs r SET last_seq = r.last_seq + 1 FROM ${changed} WHERE r.id = ${changed}.run_id RETURNING r.id, r.organization_id, r.last_seq),
    said AS (
      INSERT INTO messages (organization_id, run_id, seq, agent, kind, content, at)
      SELECT organization_id, id, last_seq, ${agent}, 'delegation', ${content}::jsonb, now() FROM counted)`;

const OPEN: Statement = {
  name: 'delegation_open',
  text: `WITH ${HELD},
    opened AS (
      INSERT INTO delegations (organization_id, run_id, id, from_agent, to_agent, task, opened_at)
      SELECT r.organization_id, r.id, $3, $4, $5, $6, clock_timestamp() FROM schedule_runs r JOIN held ON held.id = r.id
      ON CONFLICT (run_id, id) DO NOTHING RETURNING *),
    ${SAY('opened', '$4', '$7')}
    SELECT * FROM opened`,
};

const PERMIT: Statement = {
  name: 'delegation_permit',
  text: `WITH ${HELD}
    UPDATE delegations d SET permit_epoch = COALESCE(d.permit_epoch, $2) FROM held WHERE d.run_id = held.id AND d.id = $3 RETURNING d.*`,
};

const ANSWER: Statement = {
  name: 'delegation_answer',
  text: `WITH ${HELD},
    answered AS (
      UPDATE delegations d SET answer = $4::jsonb, answered_at = now()
      FROM held WHERE d.run_id = held.id AND d.id = $3 AND d.answer IS NULL RETURNING d.*),
    ${SAY('answered', '$5', '$6')}
    SELECT * FROM answered`,
};

/** The same statement checks the claim: a held run without delegations answers one row without an id. */
const LIST: Statement = {
  name: 'delegation_list',
  text: `SELECT d.* FROM schedule_runs r LEFT JOIN delegations d ON d.run_id = r.id
    WHERE r.id = $1 AND r.epoch = $2 ORDER BY d.opened_at, d.id`,
};

/** Each method is one statement that locks the run's row first, as appends of messages do. */
export class PrismaDelegationStore implements DelegationStore {
  constructor(private readonly context: RunContext) {}

  async openDelegation(
    claim: Claim,
    { id, from, to, task }: Pick<Delegation, 'id' | 'from' | 'to' | 'task'>,
  ): Promise<Delegation> {
    const values = [claim.runId, claim.epoch, id, from, to, task, storableJson({ id, to, task })];
    const [opened] = await this.context.db.query<DelegationRow>(OPEN, values);
    if (!opened) return this.find(claim, id);
    this.context.changes.touch(claim.runId);
    return toDelegation(opened);
  }

  async permitDelegation(claim: Claim, id: string): Promise<boolean> {
    const [permitted] = await this.context.db.query<DelegationRow>(PERMIT, [claim.runId, claim.epoch, id]);
    if (!permitted) await this.find(claim, id);
    return permitted?.permit_epoch === claim.epoch;
  }

  async answerDelegation(claim: Claim, id: string, answer: DelegationAnswer): Promise<Delegation> {
    const delegation = await this.find(claim, id);
    if (delegation.answer) return delegation;
    const content = storableJson({ id, to: delegation.from, ...answer });
    const values = [claim.runId, claim.epoch, id, storableJson(answer), delegation.to, content];
    const [answered] = await this.context.db.query<DelegationRow>(ANSWER, values);
    if (!answered) return this.find(claim, id);
    this.context.changes.touch(claim.runId);
    return toDelegation(answered);
  }

  async listDelegations(claim: Claim): Promise<Delegation[]> {
    const rows = await this.context.db.query<DelegationRow | { id: null }>(LIST, [claim.runId, claim.epoch]);
    if (rows.length === 0) throw new ClaimLostError(claim.runId);
    return rows.flatMap((row) => (row.id === null ? [] : toDelegation(row)));
  }

  /** As it stands now; throws for a lost claim and for an id that was never opened. */
  private async find(claim: Claim, id: string): Promise<Delegation> {
    const found = (await this.listDelegations(claim)).find((delegation) => delegation.id === id);
    if (found) return found;
    throw new AppError('not_found', `run ${claim.runId} has no delegation ${id}`);
  }
}

function toDelegation(row: DelegationRow): Delegation {
  return {
    id: row.id,
    from: row.from_agent,
    to: row.to_agent,
    task: row.task,
    answer: row.answer,
    isPermitted: row.permit_epoch !== null,
  };
}
