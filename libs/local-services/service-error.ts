/**
 * Something about this machine keeps a local service from starting, and the person in front of it can repair it.
 * `message` is one line that says what is wrong, `hint` one line that says how to repair it.
 */
export class LocalServiceError extends Error {
  readonly hint: string;

  constructor(message: string, hint: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'LocalServiceError';
    this.hint = hint;
  }
}

/** Receives one line of progress for people. */
export type ProgressLog = (line: string) => void;

/** The `code` of a system error (`ENOENT`), or undefined. Not by `instanceof`: under Jest such errors are of another realm. */
export function systemErrorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

export function messageOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);
}
