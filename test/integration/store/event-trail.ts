import type { QueryResultRow } from 'pg';

type Sql = <R extends QueryResultRow>(text: string, values?: readonly unknown[]) => Promise<R[]>;

/** A trigger of the tests notes what a run was before and after each statement, whatever the statement is. */
const TRAIL = `
  CREATE TABLE test_run_trail (id bigserial PRIMARY KEY, run_id uuid NOT NULL, before jsonb, after jsonb NOT NULL);
  CREATE FUNCTION test_note_run() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO test_run_trail (run_id, before, after)
    VALUES (NEW.id, CASE WHEN TG_OP = 'UPDATE' THEN to_jsonb(OLD) END, to_jsonb(NEW));
    RETURN NULL;
  END $$;
  CREATE TRIGGER test_run_trail AFTER INSERT OR UPDATE ON schedule_runs FOR EACH ROW EXECUTE FUNCTION test_note_run();
`;

interface Noted {
  readonly status: string;
  readonly phase: string;
  readonly epoch: number;
  readonly owner: string | null;
  readonly started_at: string | null;
  readonly cancel_requested_at: string | null;
  readonly teardown_failed_attempts: number;
  readonly teardown_given_up_at: string | null;
  readonly teardown_verified_at: string | null;
  readonly blocked_by: string | null;
  readonly gap_from: string | null;
}

export async function installTrail(sql: Sql): Promise<void> {
  await sql(TRAIL);
}

/** I16 over every statement that ran since the last look: where the trail and the log of events differ. */
export async function findUntoldChanges(sql: Sql): Promise<string[]> {
  const steps = await sql<{ run_id: string; before: Noted | null; after: Noted }>(
    'SELECT run_id, before, after FROM test_run_trail ORDER BY id',
  );
  const events = await sql<{ run_id: string; event: string }>(
    `SELECT run_id, concat_ws(' ', type, data -> 'from' ->> 'status', data -> 'from' ->> 'phase', data -> 'to' ->> 'status',
       data -> 'to' ->> 'phase', data ->> 'fromOwner', data ->> 'toOwner', data ->> 'attempts', data ->> 'blockedBy',
       data -> 'gap' ->> 'from') AS event FROM run_events ORDER BY id`,
  );
  const happened = group(steps.map(({ run_id: runId, before, after }) => [runId, changesOf(before, after)]));
  const told = group(events.map(({ run_id: runId, event }) => [runId, [event]]));
  return [...new Set([...happened.keys(), ...told.keys()])].flatMap((runId) => {
    const [changes, said] = [happened.get(runId) ?? [], told.get(runId) ?? []];
    return changes.join('\n') === said.join('\n')
      ? []
      : [`run ${runId}: happened [${changes.join('; ')}], told [${said.join('; ')}]`];
  });
}

function changesOf(before: Noted | null, after: Noted): string[] {
  const state = `${after.status} ${after.phase}`;
  if (!before) return [words('run.status', state, after.blocked_by, after.gap_from && isoOf(after.gap_from))];
  const changes: string[] = [];
  if (before.cancel_requested_at !== after.cancel_requested_at) changes.push('run.cancel_requested');
  if (before.epoch !== after.epoch && before.started_at !== null && after.owner !== null)
    changes.push(words('run.adopted', before.owner, after.owner));
  if (before.teardown_failed_attempts !== after.teardown_failed_attempts)
    changes.push(`teardown.failed ${after.teardown_failed_attempts}`);
  if (before.teardown_given_up_at !== after.teardown_given_up_at) changes.push('teardown.given_up');
  if (before.teardown_verified_at !== after.teardown_verified_at) changes.push('teardown.verified');
  const was = `${before.status} ${before.phase}`;
  if (was !== state) changes.push(words(before.status === after.status ? 'run.phase' : 'run.status', was, state));
  return changes;
}

function words(...parts: readonly (string | null)[]): string {
  return parts.filter((part) => part !== null).join(' ');
}

function isoOf(instant: string): string {
  return new Date(instant).toISOString();
}

function group(entries: readonly (readonly [string, readonly string[]])[]): Map<string, string[]> {
  const byRun = new Map<string, string[]>();
  for (const [runId, items] of entries) byRun.set(runId, [...(byRun.get(runId) ?? []), ...items]);
  return byRun;
}
