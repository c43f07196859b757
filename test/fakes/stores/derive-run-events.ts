import type { RunEvent, RunEventData, RunEventType, RunState } from '@crewtab/domain/runs/run-event';
import type { Run } from '@crewtab/domain/runs/run';
import { sumUsage, usageOf } from '@crewtab/domain/runs/usage';
import type { StoredRun } from './stored-run';

type Row = Pick<StoredRun, 'run' | 'owner' | 'queuedAt'>;
type Note = readonly [RunEventType, Omit<RunEventData, 'epoch'>];

/** The events of one change of a row, as the database's triggers write them. `before` is null when the row was made. */
export function deriveRunEvents(before: Row | null, after: Row, now: Date): RunEvent[] {
  const { organizationId, scheduleId, id: runId, epoch } = after.run;
  const notes = before ? notesOfChange(before, after, now) : [noteOfCreation(after)];
  return notes.map(([type, data]) => ({
    organizationId,
    scheduleId,
    runId,
    type,
    at: now,
    // Absent, not undefined, as in the stored JSON.
    data: JSON.parse(JSON.stringify({ ...data, epoch })) as RunEventData,
  }));
}

function noteOfCreation({ run, queuedAt }: Row): Note {
  const { trigger, scheduledFor, notRunReason } = run;
  const isFired = trigger === 'schedule' || trigger === 'catchup';
  return [
    'run.status',
    {
      to: stateOf(run),
      trigger,
      scheduledFor: scheduledFor.toISOString(),
      lagMs: isFired ? msBetween(scheduledFor, queuedAt) : undefined,
      error: errorOf(run),
      blockedBy: notRunReason?.runId,
      gap: notRunReason?.from &&
        notRunReason.to && { from: notRunReason.from.toISOString(), to: notRunReason.to.toISOString() },
    },
  ];
}

/** Of one change the move comes last. */
function notesOfChange(before: Row, after: Row, now: Date): Note[] {
  const [old, run] = [before.run, after.run];
  const notes: Note[] = [];
  if (old.cancelRequestedAt?.getTime() !== run.cancelRequestedAt?.getTime())
    notes.push(['run.cancel_requested', { code: run.cancelCode ?? undefined }]);
  if (old.epoch !== run.epoch && old.startedAt && after.owner !== null)
    notes.push(['run.adopted', { fromOwner: before.owner, toOwner: after.owner }]);
  return [...notes, ...notesOfTeardown(old, run), ...noteOfMove(before, after, now)];
}

function notesOfTeardown(old: Run, run: Run): Note[] {
  const notes: Note[] = [];
  const { failedAttempts: attempts, error, receipt, begunAt } = run.teardown;
  if (attempts !== old.teardown.failedAttempts)
    notes.push(['teardown.failed', { attempts, error: error ?? undefined }]);
  if (receipt?.givenUp && !old.teardown.receipt?.givenUp) notes.push(['teardown.given_up', { by: receipt.givenUp.by }]);
  if (receipt?.verifiedAt && !old.teardown.receipt?.verifiedAt)
    notes.push(['teardown.verified', { teardownMs: msBetween(begunAt, receipt.verifiedAt) }]);
  return notes;
}

function noteOfMove({ run: old }: Row, { run, queuedAt }: Row, now: Date): Note[] {
  const isOther = old.status !== run.status;
  if (!isOther && old.phase === run.phase) return [];
  const isBegin = !old.startedAt && run.startedAt !== null;
  const isDeployed = old.phase === 'deploying' && run.phase === 'prompting';
  const newWarnings = run.warnings.slice(old.warnings.length);
  const data: Omit<RunEventData, 'epoch'> = {
    from: stateOf(old),
    to: stateOf(run),
    error: isOther ? errorOf(run) : undefined,
    host: isBegin ? (run.host ?? undefined) : undefined,
    queuedMs: isBegin ? msBetween(queuedAt, run.startedAt) : undefined,
    deployMs: isDeployed ? msBetween(run.startedAt, now) : undefined,
    warnings: newWarnings.length > 0 ? newWarnings.map(({ code }) => code) : undefined,
    usage: run.phase === 'finished' ? usageOfRun(run) : undefined,
    runMs: old.finishedAt ? undefined : msBetween(run.startedAt, run.finishedAt),
  };
  return [[isOther ? 'run.status' : 'run.phase', data]];
}

/** The database counts a teammate's turns too; here each has ended. */
function usageOfRun({ plan, prompt, deployment }: Run): RunEventData['usage'] {
  const usages = plan.agents.flatMap(({ name, role }) => {
    const reported = deployment?.agents.find((agent) => agent.name === name)?.usage ?? null;
    const turns = role === 'leader' && prompt.state !== 'none' ? 1 : (reported?.turns ?? 0);
    return usageOf(reported, turns) ?? [];
  });
  return sumUsage(usages) ?? undefined;
}

function stateOf({ status, phase }: Run): RunState {
  return { status, phase };
}

/** A success that waits for its teardown has an outcome, and no error. */
function errorOf({ outcome, notRunReason }: Run): RunEventData['error'] {
  const failure = outcome?.error ?? notRunReason;
  return failure ? { code: failure.code, message: failure.message } : undefined;
}

function msBetween(since: Date | null, till: Date | null): number | undefined {
  return since && till ? till.getTime() - since.getTime() : undefined;
}
