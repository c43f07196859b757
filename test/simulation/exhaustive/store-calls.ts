import { isTerminal } from '@crewtab/domain/runs/run';
import type { Belief, Model, Pending, Row, Rules, Worker } from './model';

/** The store knows of a newer epoch. */
export function isRefused(worker: Worker, rules: Rules): boolean {
  return rules.checksEpoch && !worker.isCurrent;
}

export function beliefOf(row: Row): Belief {
  const { phase, status, outcome, isCancelRequested, hasFailedAttempt } = row;
  const prompt = row.permit === 'none' ? 'none' : row.isConfirmed ? 'sent' : 'permitted';
  return { phase, status, outcome, isCancelRequested, prompt, hasFailedAttempt };
}

/** After a failed call: the row is read again; a stale worker learns that it lost. */
export function loaded(model: Model, worker: Worker): Worker | null {
  if (!worker.isCurrent) return null;
  return { ...worker, belief: keepCancel(beliefOf(model.row), worker) };
}

function keepCancel(belief: Belief, worker: Worker): Belief {
  return { ...belief, isCancelRequested: belief.isCancelRequested || worker.belief.isCancelRequested };
}

/** What the store does with a call, as its port's contract says, and what its caller makes of the answer. */
export function answerOf(row: Row, worker: Worker, pending: Pending, rules: Rules): { row: Row; worker: Worker } {
  if (pending.call === 'permit') return permit(row, worker, rules);
  const after = written(row, pending);
  const isBackingOff = pending.call === 'note_failure' || worker.isBackingOff;
  return {
    row: after,
    worker: { ...worker, pending: null, isBackingOff, belief: keepCancel(beliefOf(after), worker) },
  };
}

function permit(row: Row, worker: Worker, rules: Rules): { row: Row; worker: Worker } {
  const isFirst = row.permit === 'none';
  const isOurs = isFirst || row.permit === 'current' || !rules.checksPermit;
  const after: Row = isFirst ? { ...row, permit: 'current', phase: 'prompting' } : row;
  const belief: Belief = { ...worker.belief, phase: 'prompting', prompt: 'permitted' };
  const asked: Worker = { ...worker, belief, pending: null };
  if (worker.write !== 'idle') return { row: after, worker: asked };
  if (!isOurs) return { row: after, worker: { ...asked, write: 'not_ours', isEvidenceOver: false } };
  return { row: after, worker: { ...asked, write: worker.isConnected && !worker.isEnded ? 'writing' : 'failed' } };
}

function written(row: Row, pending: Pending): Row {
  switch (pending.call) {
    case 'begin':
      return row.phase === 'queued' ? { ...row, phase: 'deploying', status: 'running' } : row;
    case 'confirm':
      return row.phase === 'prompting' ? { ...row, phase: 'monitoring', isConfirmed: true } : row;
    case 'conclude':
      return concluded(row, pending.outcome);
    case 'note_failure':
      return row.phase === 'tearing_down' ? { ...row, hasFailedAttempt: true } : row;
    case 'fail_teardown':
      return isTerminal(row.status) ? row : { ...row, status: 'failed', outcome: 'failed' };
    case 'finish':
      return finished(row);
    case 'permit':
    case 'remove':
      throw new Error(`${pending.call} does not write a row this way`);
  }
}

function concluded(row: Row, outcome: NonNullable<Row['outcome']>): Row {
  if (row.phase === 'tearing_down' || row.phase === 'finished') return row;
  const status = outcome === 'success' ? row.status : outcome;
  return { ...row, phase: 'tearing_down', outcome, status };
}

function finished(row: Row): Row {
  if (row.phase !== 'tearing_down') return row;
  return { ...row, phase: 'finished', isLeased: false, status: isTerminal(row.status) ? row.status : 'success' };
}
