import { isConcluded, isTerminal } from '@crewtab/domain/runs/run';
import type { Belief, Model, Pending, Row, Rules, Worker } from './model';

/** The store knows of a newer epoch. */
export function isRefused(worker: Worker, rules: Rules): boolean {
  return rules.checksEpoch && !worker.isCurrent;
}

export function beliefOf(row: Row): Belief {
  const { phase, status, outcome, isCancelRequested, hasFailedAttempt, hasFinishedWork } = row;
  const prompt = row.permit === 'none' ? 'none' : row.isConfirmed ? 'sent' : 'permitted';
  return { phase, status, outcome, isCancelRequested, prompt, hasFailedAttempt, hasFinishedWork };
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
    case 'end_work':
      return row.phase === 'monitoring' ? { ...row, phase: 'verifying' } : row;
    case 'conclude':
      return concluded(row, pending.outcome, pending.isVerified);
    case 'end_collecting':
      return row.phase === 'collecting' ? { ...row, phase: 'tearing_down' } : row;
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

function concluded(row: Row, outcome: NonNullable<Row['outcome']>, isVerified: boolean): Row {
  if (isConcluded(row.phase)) return row;
  const status = outcome === 'success' ? row.status : outcome;
  const phase = row.hasFinishedWork && row.phase !== 'deploying' ? 'collecting' : 'tearing_down';
  return { ...row, phase, outcome, status, isVerified };
}

function finished(row: Row): Row {
  if (row.phase !== 'tearing_down') return row;
  return { ...row, phase: 'finished', isLeased: false, status: isTerminal(row.status) ? row.status : 'success' };
}
