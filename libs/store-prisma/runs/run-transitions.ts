import { AppError, ClaimLostError } from '@crewtab/domain/errors';
import { effect } from '@crewtab/domain/failpoint';
import type { Claim, RunStore } from '@crewtab/domain/ports/run-store';
import type { Push } from '@crewtab/domain/runs/repository';
import { isConcluded, type Run, type OutputCursor } from '@crewtab/domain/runs/run';
import { ViolationError, type Statement, storableJson, storableText } from '../database/database';
import { PROMPT_RECORD_OF_RUN, toPromptRecord, type PromptRow } from './prompt-record';
import { KEEPS, releaseClaims } from './run-claims';
import { addRemoved, loadClaimed, selectRun, toRun, type RunContext, type RunRow } from './run-row';

/** Why the workspace of a run is not as the one before it left it. */
const ELSEWHERE = 'the run before had its workspace on the host';
const NO_SCHEDULE = 'a run without a schedule has a workspace of its own';
const MAY_OVERLAP = 'runs of a schedule with the overlap policy allow have workspaces of their own';

const BEGIN: Statement = {
  name: 'run_begin',
  text: `WITH begun AS (
      UPDATE schedule_runs r SET status = 'running', phase = 'deploying', host = $5, started_at = now(),
        deadline_at = now() + r.timeout_ms * interval '1 millisecond', presets = $7::jsonb,
        secrets = (SELECT jsonb_object_agg(s.name, s.sealed_value) FROM secrets s
          WHERE s.organization_id = r.organization_id AND s.name = ANY ($8::text[])),
        workspace_generation = CASE WHEN ${KEEPS} THEN COALESCE((SELECT k.generation + COALESCE(k.host <> $5, false)::int
          FROM kept_workspaces k WHERE k.schedule_id = r.schedule_id), 1) END,
        workspace_notice = CASE WHEN r.workspace -> 'persist' = 'true'::jsonb THEN CASE
          WHEN ${KEEPS} THEN (SELECT CASE WHEN k.host <> $5 THEN '${ELSEWHERE} ' || k.host ELSE k.emptied END
            FROM kept_workspaces k WHERE k.schedule_id = r.schedule_id)
          WHEN r.schedule_id IS NULL THEN '${NO_SCHEDULE}' ELSE '${MAY_OVERLAP}' END END,
        rendered_prompt = $9, window_start = COALESCE($10, r.window_start), window_end = COALESCE($11, r.window_end)
      WHERE r.id = $1 AND r.epoch = $2 AND r.phase = 'queued' RETURNING r.*),
    kept AS (
      INSERT INTO kept_workspaces (schedule_id, organization_id, generation, host)
      SELECT begun.schedule_id, begun.organization_id, begun.workspace_generation, $5 FROM begun WHERE begun.workspace_generation IS NOT NULL
      ON CONFLICT (schedule_id) DO UPDATE SET generation = GREATEST(kept_workspaces.generation, excluded.generation), host = excluded.host,
        used_at = now(), emptied = NULL),
    deployment AS (
      INSERT INTO deployments (organization_id, run_id, name, host, runtime)
      SELECT begun.organization_id, begun.id, CASE WHEN EXISTS (SELECT 1 FROM deployments WHERE name = $3) THEN $4 ELSE $3 END, $5, $6
      FROM begun RETURNING *),
    deployed AS (
      INSERT INTO deployment_agents (organization_id, run_id, name, position)
      SELECT begun.organization_id, begun.id, agent.value ->> 'name', agent.ordinality
      FROM begun, jsonb_array_elements(begun.agents) WITH ORDINALITY AS agent RETURNING *)
    ${selectRun({ run: 'begun', deployments: 'deployment', agents: 'deployed' })}`,
};

const PERMIT: Statement = {
  name: 'run_permit_prompt',
  text: `WITH permitted AS (
      UPDATE schedule_runs r SET phase = 'prompting', last_seq = r.last_seq + 1
      WHERE r.id = $1 AND r.epoch = $2 AND r.phase = 'deploying' RETURNING r.organization_id, r.id, r.epoch, r.last_seq),
    permit AS (
      INSERT INTO prompt_permits (organization_id, run_id, epoch, permitted_at)
      SELECT organization_id, id, epoch, now() FROM permitted),
    ready AS (
      UPDATE deployment_agents a SET ready_at = COALESCE(a.ready_at, now()) FROM permitted WHERE a.run_id = permitted.id),
    prompt AS (
      INSERT INTO messages (organization_id, run_id, seq, agent, kind, content, at)
      SELECT organization_id, id, last_seq, $3, $4::message_kind, $5::jsonb, $6::timestamptz FROM permitted)
    SELECT last_seq FROM permitted`,
};

const PERMIT_OF: Statement = {
  name: 'run_permit_of',
  text: `SELECT r.id, r.status, r.phase, p.epoch AS permit_epoch
    FROM schedule_runs r LEFT JOIN prompt_permits p ON p.run_id = r.id WHERE r.id = $1 AND r.epoch = $2`,
};

const CONFIRM: Statement = {
  name: 'run_confirm_prompt',
  text: `WITH confirmed AS (
      UPDATE schedule_runs r SET phase = 'monitoring' WHERE r.id = $1 AND r.epoch = $2 AND r.phase = 'prompting' RETURNING r.*),
    permit AS (
      UPDATE prompt_permits p SET sent_at = now() FROM confirmed WHERE p.run_id = confirmed.id RETURNING p.*)
    ${selectRun({ run: 'confirmed', permits: 'permit' })}`,
};

const END_WORK: Statement = {
  name: 'run_end_work',
  text: `WITH ended AS (
      UPDATE schedule_runs r SET phase = 'verifying', result = $3, warnings = $4::jsonb, work_ended_at = now()
      WHERE r.id = $1 AND r.epoch = $2 AND r.phase = 'monitoring' RETURNING r.*)
    ${selectRun({ run: 'ended' })}`,
};

const NOTE_REPOSITORY: Statement = {
  name: 'run_note_repository',
  text: `UPDATE schedule_runs r SET repository = $3::jsonb WHERE r.id = $1 AND r.epoch = $2 AND r.phase = 'deploying' RETURNING r.id`,
};

const BEGIN_PUSH: Statement = {
  name: 'run_begin_push',
  text: `UPDATE schedule_runs r SET push = COALESCE(r.push, $3::jsonb)
    WHERE r.id = $1 AND r.epoch = $2 AND r.phase = 'verifying' RETURNING r.push`,
};

const END_PUSH: Statement = {
  name: 'run_end_push',
  text: `UPDATE schedule_runs r SET push = CASE WHEN r.push ->> 'state' IN ('pushing', 'unconfirmed') THEN r.push || $3::jsonb ELSE r.push END
    WHERE r.id = $1 AND r.epoch = $2 AND r.push IS NOT NULL RETURNING r.id`,
};

/** What a team did that had its prompt may have left something; one that was never prompted did nothing. */
const COLLECTS = `((r.artifacts IS NOT NULL OR COALESCE(r.workspace #> '{git,diff}' = 'true'::jsonb, false)) AND r.phase <> 'deploying')`;

/** A push that no worker has seen the end of when the outcome is decided. */
const CUT_SHORT: Pick<Push, 'state' | 'message'> = {
  state: 'unconfirmed',
  message: 'the run ended in the middle of it',
};

const CONCLUDE: Statement = {
  name: 'run_conclude',
  text: `WITH concluded AS (
      UPDATE schedule_runs r SET phase = CASE WHEN ${COLLECTS} THEN 'collecting' ELSE 'tearing_down' END::run_phase,
        concluded_at = now(), teardown_begun_at = CASE WHEN NOT ${COLLECTS} THEN now() END,
        result = $4, error_code = $5, error_message = $6, verification = $8::jsonb,
        push = CASE WHEN r.push ->> 'state' = 'pushing' THEN r.push || '${JSON.stringify(CUT_SHORT)}'::jsonb ELSE r.push END,
        warnings = CASE WHEN r.phase = 'verifying' THEN r.warnings ELSE $7::jsonb END,
        status = CASE WHEN $3::run_status = 'success' THEN r.status ELSE $3::run_status END,
        finished_at = CASE WHEN $3::run_status = 'success' THEN NULL ELSE now() END
      WHERE r.id = $1 AND r.epoch = $2 AND r.phase IN ('deploying', 'prompting', 'monitoring', 'verifying')
        AND ($3::run_status = 'cancelled' OR r.cancel_requested_at IS NULL) RETURNING r.*)
    ${selectRun({ run: 'concluded' })}`,
};

const END_COLLECTING: Statement = {
  name: 'run_end_collecting',
  text: `WITH ended AS (
      UPDATE schedule_runs r SET phase = 'tearing_down', teardown_begun_at = now(), warnings = r.warnings || $4::jsonb,
        artifact_count = jsonb_array_length($3::jsonb),
        artifact_bytes = (SELECT COALESCE(sum((one.value ->> 'bytes')::bigint), 0) FROM jsonb_array_elements($3::jsonb) AS one)
      WHERE r.id = $1 AND r.epoch = $2 AND r.phase = 'collecting' RETURNING r.*),
    kept AS (
      INSERT INTO artifacts (organization_id, run_id, path, bytes, digest, content_type, key)
      SELECT ended.organization_id, ended.id, one.value ->> 'path', (one.value ->> 'bytes')::bigint, one.value ->> 'digest',
        one.value ->> 'contentType', one.value ->> 'key'
      FROM ended, jsonb_array_elements($3::jsonb) AS one)
    ${selectRun({ run: 'ended' })}`,
};

const REMOVED = addRemoved('$3::jsonb');

const TEARDOWN_FAILURE: Statement = {
  name: 'run_teardown_failure',
  text: `WITH counted AS (
      UPDATE schedule_runs r SET ${REMOVED}, teardown_failed_attempts = r.teardown_failed_attempts + 1,
        teardown_error_code = $4, teardown_error_message = $5
      WHERE r.id = $1 AND r.epoch = $2 AND r.phase = 'tearing_down' RETURNING r.*)
    ${selectRun({ run: 'counted' })}`,
};

const FAIL_TEARDOWN: Statement = {
  name: 'run_fail_teardown',
  text: `WITH failed AS (
      UPDATE schedule_runs r SET status = 'failed', finished_at = now(), error_code = $3, error_message = $4
      WHERE r.id = $1 AND r.epoch = $2 AND r.phase = 'tearing_down' AND r.status = 'running' RETURNING r.*)
    ${selectRun({ run: 'failed' })}`,
};

const FINISH: Statement = {
  name: 'run_finish',
  text: `WITH finished AS (
      UPDATE schedule_runs r SET ${REMOVED}, phase = 'finished', teardown_verified_at = now(), owner = NULL, lease_until = NULL,
        status = CASE WHEN r.status = 'running' THEN 'success' ELSE r.status END, finished_at = COALESCE(r.finished_at, now())
      WHERE r.id = $1 AND r.epoch = $2 AND r.phase = 'tearing_down' RETURNING r.*),
    ended AS (
      UPDATE deployment_agents a SET ended_at = COALESCE(a.ended_at, finished.work_ended_at, finished.concluded_at)
      FROM finished WHERE a.run_id = finished.id AND a.started_at IS NOT NULL)
    ${selectRun({ run: 'finished' })}`,
};

type RunTransitions = Pick<
  RunStore,
  | 'begin'
  | 'readPromptRecord'
  | 'permitPrompt'
  | 'confirmPrompt'
  | 'noteRepository'
  | 'beginPush'
  | 'endPush'
  | 'endWork'
  | 'conclude'
  | 'endCollecting'
  | 'recordTeardownFailure'
  | 'failTeardown'
  | 'finish'
>;

/** What moves a run forward. Each call is one statement, and its own transaction; the migrations hold what it may not do. */
export function runTransitions(context: RunContext): RunTransitions {
  return {
    begin: (claim, deployment) => beginRun(context, claim, deployment),

    async readPromptRecord(claim) {
      const [row] = await context.db.query<PromptRow>(PROMPT_RECORD_OF_RUN, [claim.runId, claim.epoch]);
      if (!row) throw new ClaimLostError(claim.runId);
      return toPromptRecord(row);
    },

    async permitPrompt(claim, { agent, kind, content, at }) {
      const values = [claim.runId, claim.epoch, agent, kind, storableJson(content), at];
      const [permitted] = await context.db.query(PERMIT, values);
      if (!permitted) return hasPermit(context, claim);
      context.changes.touch(claim.runId);
      return true;
    },

    confirmPrompt: (claim) =>
      transition(context, claim, CONFIRM, [], ({ prompt, phase }) => prompt.state === 'sent' || isConcluded(phase)),

    async noteRepository(claim, repository) {
      await changed(context, claim, NOTE_REPOSITORY, repository);
    },

    async beginPush(claim, { branch, commit }) {
      const push: Push = { branch, commit, state: 'pushing', message: null };
      const row = await changed<{ readonly push: Push }>(context, claim, BEGIN_PUSH, push);
      return row.push;
    },

    async endPush(claim, { state, message }) {
      await changed(context, claim, END_PUSH, { state, message });
    },

    endWork(claim, result, warnings) {
      const values = [result, storableJson(warnings)];
      return transition(context, claim, END_WORK, values, ({ phase }) => phase === 'verifying' || isConcluded(phase));
    },

    conclude(claim, { status, result, error, verification }, warnings = []) {
      const values = [
        ...[status, result, error?.code ?? null, error?.message ?? null, storableJson(warnings)],
        verification ? storableJson(verification) : null,
      ];
      const isAskedToEnd = (run: Run): boolean => run.phase !== 'queued' && run.cancelRequestedAt !== null;
      return transition(context, claim, CONCLUDE, values, (run) => isConcluded(run.phase) || isAskedToEnd(run));
    },

    endCollecting(claim, kept, warnings) {
      const values = [storableJson(kept), storableJson(warnings)];
      const isDone = ({ phase }: Run): boolean => phase === 'tearing_down' || phase === 'finished';
      return transition(context, claim, END_COLLECTING, values, isDone);
    },

    recordTeardownFailure(claim, { code, message }, removed) {
      const values = [JSON.stringify(removed), code, message];
      return transition(context, claim, TEARDOWN_FAILURE, values, () => false);
    },

    failTeardown(claim, { code, message }) {
      return transition(context, claim, FAIL_TEARDOWN, [code, message], ({ finishedAt }) => finishedAt !== null);
    },

    async finish(claim, removed) {
      const values = [JSON.stringify(removed)];
      const run = await transition(context, claim, FINISH, values, ({ phase }) => phase === 'finished');
      const { receipt } = run.teardown;
      if (!receipt) throw new AppError('internal', `run ${run.id} is finished but has no receipt`);
      return { run, receipt };
    },
  };
}

function promptColumns(prompt: Parameters<RunStore['begin']>[1]['prompt']): unknown[] {
  const text = typeof prompt?.text === 'string' ? storableText(prompt.text) : null;
  return [text, prompt?.window.start ?? null, prompt?.window.end ?? null];
}

async function beginRun(
  context: RunContext,
  claim: Claim,
  { name, fallbackName, host, runtime, presets = {}, secrets = [], prompt }: Parameters<RunStore['begin']>[1],
): Promise<Run> {
  const begin = (first: string): Promise<Run> =>
    transition(
      context,
      claim,
      BEGIN,
      [first, fallbackName, host, runtime, JSON.stringify(presets), secrets, ...promptColumns(prompt)],
      ({ phase }) => phase !== 'queued',
    );
  try {
    return await begin(name);
  } catch (error) {
    // Another run took the name after this statement had found it free.
    if (violates(error, 'deployments_name_key')) return begin(fallbackName);
    if (!violates(error, 'schedule_runs_one_exclusive_running')) throw error;
    // Another run of the schedule began after this one was claimed: it goes back to the queue.
    await effect('postgres.exclusive-run.release', () => releaseClaims(context, [claim]));
    throw new ClaimLostError(claim.runId);
  }
}

/** The permit was given before: does it belong to this claim? */
async function hasPermit({ db }: RunContext, claim: Claim): Promise<boolean> {
  const [row] = await db.query<Pick<RunRow, 'id' | 'status' | 'phase' | 'permit_epoch'>>(PERMIT_OF, [
    claim.runId,
    claim.epoch,
  ]);
  if (!row) throw new ClaimLostError(claim.runId);
  if (row.permit_epoch === null) throw wrongPhase(row);
  return row.permit_epoch === claim.epoch;
}

/**
 * Runs one statement whose first parameters are the run's id and the claim's epoch. When it changes nothing, the row says
 * why: the claim is lost; or an earlier call did the same (`isDone`); or the run's phase forbids it, a fault of the caller.
 */
async function transition(
  context: RunContext,
  claim: Claim,
  statement: Statement,
  values: readonly unknown[],
  isDone: (run: Run) => boolean,
): Promise<Run> {
  const [row] = await context.db.query<RunRow>(statement, [claim.runId, claim.epoch, ...values]);
  if (row) {
    context.changes.touch(claim.runId);
    return toRun(row, context.box);
  }
  const run = await loadClaimed(context, claim);
  if (!isDone(run)) throw wrongPhase(run);
  return run;
}

/** One statement with a value of JSON that keeps to the run's phase, and changes nothing of it. */
async function changed<T extends object>(
  context: RunContext,
  claim: Claim,
  statement: Statement,
  value: object,
): Promise<T> {
  const [row] = await context.db.query<T>(statement, [claim.runId, claim.epoch, storableJson(value)]);
  if (!row) throw wrongPhase(await loadClaimed(context, claim));
  context.changes.touch(claim.runId);
  return row;
}

function wrongPhase(run: Pick<Run, 'id' | 'phase' | 'status'>): AppError {
  return new AppError('conflict', `run ${run.id} is in phase ${run.phase} (${run.status}), where this cannot be done`);
}

function violates(error: unknown, constraint: string): boolean {
  return error instanceof ViolationError && error.violation.constraint === constraint;
}

/**
 * Locks the run's row before the statement changes anything for the run. Its epoch then stays until the commit, and appends
 * of one run take turns, so that their seqs have no gap and no cursor moves twice.
 */
export const HELD = `held AS MATERIALIZED (
      SELECT r.id FROM schedule_runs r WHERE r.id = $1 AND r.epoch = $2 FOR NO KEY UPDATE)`;

const INSERT_MESSAGES = `
      INSERT INTO messages (organization_id, run_id, seq, agent, kind, content, at, message_id, tool_call_id, session, turn, block)
      SELECT counted.organization_id, counted.id, counted.before + draft.ordinality, draft.value ->> 'agent',
        (draft.value ->> 'kind')::message_kind, draft.value -> 'content', (draft.value ->> 'at')::timestamptz,
        origin ->> 'messageId', origin ->> 'toolCallId', origin ->> 'session', origin ->> 'turn', origin ->> 'block'
      FROM counted, jsonb_array_elements($3::jsonb) WITH ORDINALITY AS draft, LATERAL (SELECT draft.value -> 'origin' AS origin) AS whence`;

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
      UPDATE deployment_agents a SET stdout_lines = $7, stderr_lines = $8, active_at = now(), usage = COALESCE($9::jsonb, a.usage),
        ended_at = COALESCE(a.ended_at, $10)
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
        const { agent, from, to, usage, endedAt = null } = cursor;
        const lines = [from.stdout, from.stderr, to.stdout, to.stderr];
        const reported = usage ? JSON.stringify(usage) : null;
        const [moved] = await db.query(APPEND_FROM, [...values, agent, ...lines, reported, endedAt]);
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
