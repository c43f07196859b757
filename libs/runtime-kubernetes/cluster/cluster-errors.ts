import { AppError } from '@crewtab/domain/errors';
import type { Status } from './api-objects';

/** The cluster answered, and the answer was a refusal. `words` are its own. */
export class ClusterRefusal extends Error {
  constructor(
    readonly statusCode: number,
    readonly words: string,
    readonly reason: string,
  ) {
    super(words);
    this.name = 'ClusterRefusal';
  }
}

/**
 * Answers of an API server that is starting, ending, overloaded, or has lost its store; 401 too, which it gives while it cannot check a
 * token, and while a worker's token is being renewed.
 */
const PASSING = [401, 408, 429, 500, 502, 503, 504];
/** What it says of a right that the worker lacks: until it has read its roles, a server that starts says so of every right. */
const LACKS_RIGHT = /is forbidden: User ".*" cannot \w+ resource /;

/** @param body of an answer that is no success */
export function refusalOf(statusCode: number, body: string, what: string): AppError | ClusterRefusal {
  const { message, reason = '' } = statusIn(body);
  const words = message ?? `${statusCode} ${body.slice(0, 500)}`.trim();
  const isPassing = PASSING.includes(statusCode) || (statusCode === 403 && LACKS_RIGHT.test(words));
  return isPassing ? unreachable(what, words) : new ClusterRefusal(statusCode, words, reason);
}

function statusIn(body: string): Partial<Status> {
  try {
    return JSON.parse(body) as Status;
  } catch {
    return {};
  }
}

export function unreachable(what: string, why: string, cause?: unknown): AppError {
  return new AppError('engine_unreachable', `the cluster did not ${what}: ${why}`, { retryable: true, cause });
}

export function isRefusal(error: unknown, ...statusCodes: number[]): error is ClusterRefusal {
  return error instanceof ClusterRefusal && statusCodes.includes(error.statusCode);
}

/** For callers that have no code of their own for a refusal. */
export function toAppError(error: unknown): unknown {
  return error instanceof ClusterRefusal ? new AppError('engine_error', error.words, { cause: error }) : error;
}

export function aborted(): AppError {
  return new AppError('engine_error', 'the call was given up', { retryable: true });
}
