import { AppError, ClaimLostError } from '@crewtab/domain/errors';
import type { Claim, RunStore } from '@crewtab/domain/ports/run-store';
import type { OutputCursor } from '@crewtab/domain/runs/run';
import type { Statement } from '../database/database';
import { storableJson } from '../database/text';
import { loadClaimed, type RunContext } from './run-row';

/**
 * Locks the run's row before the statement changes anything for the run. Its epoch then stays until the commit, and appends
 * of one run take turns, so that their seqs have no gap and no cursor moves twice.
 */
export const HELD = `held AS MATERIALIZED (
      SELECT r.id FROM schedule_runs r WHERE r.id = $1 AND r.epoch = $2 FOR NO KEY UPDATE)`;

const INSERT_MESSAGES = `
      INSERT INTO messages (organization_id, run_id, seq, agent, kind, content, at)
      SELECT counted.organization_id, counted.id, counted.before + draft.ordinality, draft.value ->> 'agent',
        (draft.value ->> 'kind')::message_kind, draft.value -> 'content', (draft.value ->> 'at')::timestamptz
      FROM counted, jsonb_array_elements($3::jsonb) WITH ORDINALITY AS draft`;

const APPEND: Statement = {
  name: 'run_append',
  text: `WITH counted AS (
      UPDATE schedule_runs r SET last_seq = r.last_seq + jsonb_array_length($3::jsonb)
      WHERE r.id = $1 AND r.epoch = $2 RETURNING r.organization_id, r.id, r.last_seq - jsonb_array_length($3::jsonb) AS before),
    stored AS (${INSERT_MESSAGES})
    SELECT id FROM counted`,
};

const APPEND_FROM: Statement = {
  name: 'run_append_from',
  text: `WITH ${HELD},
    moved AS (
      UPDATE deployment_agents a SET stdout_lines = $7, stderr_lines = $8
      FROM held WHERE a.run_id = held.id AND a.name = $4 AND a.stdout_lines = $5 AND a.stderr_lines = $6 RETURNING a.run_id),
    counted AS (
      UPDATE schedule_runs r SET last_seq = r.last_seq + jsonb_array_length($3::jsonb)
      FROM moved WHERE r.id = moved.run_id RETURNING r.organization_id, r.id, r.last_seq - jsonb_array_length($3::jsonb) AS before),
    stored AS (${INSERT_MESSAGES})
    SELECT id FROM counted`,
};

const SAVE_AGENT: Statement = {
  name: 'run_save_agent',
  text: `WITH ${HELD}
    UPDATE deployment_agents a SET handle = COALESCE($4, a.handle), started_at = COALESCE($5, a.started_at),
      ready_at = COALESCE($6, a.ready_at), container = COALESCE($7, a.container)
    FROM held WHERE a.run_id = held.id AND a.name = $3 RETURNING a.name`,
};

/** What agents say and how far it was read. Each call is one statement that is its own transaction. */
export function runConversation(context: RunContext): Pick<RunStore, 'saveAgent' | 'appendMessages'> {
  const { db, changes } = context;
  return {
    async saveAgent(claim, agent, { handle = null, container = null, startedAt = null, readyAt = null }) {
      const values = [claim.runId, claim.epoch, agent, handle, startedAt, readyAt, container];
      const [saved] = await db.query(SAVE_AGENT, values);
      if (!saved) await explainMissingAgent(context, claim, agent);
      changes.touch(claim.runId);
    },

    async appendMessages(claim, messages, cursor) {
      const values = [claim.runId, claim.epoch, storableJson(messages)];
      if (cursor) {
        const { agent, from, to } = cursor;
        const lines = [from.stdout, from.stderr, to.stdout, to.stderr];
        const [moved] = await db.query(APPEND_FROM, [...values, agent, ...lines]);
        if (!moved) return storedCursor(context, claim, agent);
      } else {
        const [appended] = await db.query(APPEND, values);
        if (!appended) throw new ClaimLostError(claim.runId);
      }
      changes.touch(claim.runId);
      return cursor?.to ?? null;
    },
  };
}

/** The append changed nothing: the claim is lost, or an earlier call stored the same and moved the cursor. */
async function storedCursor(context: RunContext, claim: Claim, name: string): Promise<OutputCursor> {
  const run = await loadClaimed(context, claim);
  const agent = run.deployment?.agents.find((candidate) => candidate.name === name);
  return agent ? agent.cursor : explainMissingAgent(context, claim, name);
}

async function explainMissingAgent(context: RunContext, claim: Claim, agent: string): Promise<never> {
  await loadClaimed(context, claim);
  throw new AppError('not_found', `run ${claim.runId} has no deployed agent "${agent}"`);
}
