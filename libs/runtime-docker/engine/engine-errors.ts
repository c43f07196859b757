import { AppError } from '@crewtab/domain/errors';

/** The engine answered, and the answer was a refusal. `words` are its own. */
export class EngineRefusal extends Error {
  constructor(
    readonly statusCode: number,
    readonly words: string,
    cause: unknown,
  ) {
    super(words, { cause });
    this.name = 'EngineRefusal';
  }
}

/** Answers of a proxy before the engine, which say that the engine itself did not answer. */
const PROXY_STATUS_CODES = [502, 503, 504];

interface ModemError {
  readonly statusCode?: unknown;
  readonly json?: unknown;
  readonly message?: unknown;
}

/**
 * Sorts what dockerode threw: an `EngineRefusal` where the engine answered, otherwise `engine_unreachable`.
 * @param what the call, in words: "start marketing-team-run-3f9a1c-lead"
 */
export function sortEngineError(error: unknown, what: string): AppError | EngineRefusal {
  if (error instanceof AppError || error instanceof EngineRefusal) return error;
  const { statusCode, json, message } = (error ?? {}) as ModemError;
  if (typeof statusCode === 'number' && !PROXY_STATUS_CODES.includes(statusCode)) {
    return new EngineRefusal(statusCode, engineMessage(json, String(message)), error);
  }
  return unreachable(what, typeof message === 'string' && message !== '' ? message : String(error), error);
}

export function unreachable(what: string, why: string, cause?: unknown): AppError {
  return new AppError('engine_unreachable', `the container engine did not answer (${what}): ${why}`, {
    retryable: true,
    cause,
  });
}

/** For refusals that the caller has no answer to. */
export function toAppError(error: unknown): unknown {
  return error instanceof EngineRefusal ? new AppError('engine_error', error.words, { cause: error }) : error;
}

export function isRefusal(error: unknown, ...statusCodes: number[]): error is EngineRefusal {
  return error instanceof EngineRefusal && statusCodes.includes(error.statusCode);
}

/** The engine's message as it gave it, without dockerode's "(HTTP code 404) …" around it. */
function engineMessage(json: unknown, fallback: string): string {
  if (typeof json === 'object' && json !== null && 'message' in json && typeof json.message === 'string')
    return json.message.trim();
  return fallback.replace(/^\(HTTP code \d+\) [^-]* - /, '').trim();
}
