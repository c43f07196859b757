import { AppError } from '@crewtab/domain/errors';

/** Classes of SQLSTATE that say something about the moment, not about the statement. */
const PASSING_CLASSES = ['08', '53', '57'];
/**
 * read_only_sql_transaction (a server that is no primary any more: the next connection finds the new one),
 * idle_in_transaction_session_timeout, serialization_failure, deadlock_detected, lock_not_available.
 */
const PASSING_STATES = ['25006', '25P03', '40001', '40P01', '55P03'];
/** Those after which the session goes on, and query_canceled (a statement timeout). */
const ANSWERED_STATES = ['40001', '40P01', '55P03', '57014'];
const PASSING_SYSTEM_CODES = [
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
];
/** What pg says without a code. */
const PASSING_WORDS =
  /connection terminated|timeout exceeded when trying to connect|query read timeout|client has encountered a connection error|not queryable|timeout expired/i;
/** Prisma's own: unreachable, timed out, closed by the server, no connection free. */
const PASSING_PRISMA = ['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2028'];
const PASSING_ADAPTER_KINDS = [
  'DatabaseNotReachable',
  'ConnectionClosed',
  'SocketTimeout',
  'TooManyConnections',
  'TransactionWriteConflict',
];

/** Violations that callers expect, as pg reports them. */
export interface Violation {
  readonly kind: 'unique' | 'foreign_key' | 'check';
  readonly constraint: string;
}

/** Turns what pg or Prisma threw into an AppError; an AppError stays as it is. */
export function toStoreError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const message = messageOf(error);
  if (isPassing(error))
    return new AppError('store_unreachable', `Postgres did not answer: ${message}`, { retryable: true, cause: error });
  return new AppError('internal', `Postgres refused a statement: ${message}`, { cause: error });
}

/** Awaits a call of Prisma's client; what it throws comes out as an AppError. */
export async function viaPrisma<T>(call: PromiseLike<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw toStoreError(error);
  }
}

/** Prisma's codes for violations that its adapter has already translated. */
const PRISMA_VIOLATIONS: Readonly<Record<Violation['kind'], string>> = {
  unique: 'P2002',
  foreign_key: 'P2003',
  check: 'P2004',
};

/** True for a violation of that kind, whether pg or Prisma reports it. */
export function isViolation(error: unknown, kind: Violation['kind']): boolean {
  return violationOf(error)?.kind === kind || codeOf(error) === PRISMA_VIOLATIONS[kind];
}

/** True when the same statement may succeed later, unchanged. */
export function isPassing(error: unknown): boolean {
  return chainOf(error).some(isPassingItself);
}

/** The constraint that was violated, if that is what happened. */
export function violationOf(error: unknown): Violation | null {
  for (const link of chainOf(error)) {
    const { code, constraint } = link as { code?: unknown; constraint?: unknown };
    const kind =
      code === '23505'
        ? 'unique'
        : code === '23503' || code === '23001'
          ? 'foreign_key'
          : code === '23514'
            ? 'check'
            : null;
    if (kind) return { kind, constraint: typeof constraint === 'string' ? constraint : '' };
  }
  return null;
}

/** The connection itself cannot be used any more: not after a statement that Postgres answered, if only with an error. */
export function hasLostConnection(error: unknown): boolean {
  return isPassing(error) && !chainOf(error).some((link) => ANSWERED_STATES.includes(codeOf(link)));
}

function isPassingItself(error: object): boolean {
  const code = codeOf(error);
  if (PASSING_SYSTEM_CODES.includes(code) || PASSING_STATES.includes(code) || PASSING_PRISMA.includes(code))
    return true;
  if (/^[0-9A-Z]{5}$/.test(code) && !code.startsWith('P') && PASSING_CLASSES.includes(code.slice(0, 2))) return true;
  const { kind } = error as { kind?: unknown };
  if (typeof kind === 'string' && PASSING_ADAPTER_KINDS.includes(kind)) return true;
  return code === '' && PASSING_WORDS.test(messageOf(error));
}

/** The error and what it wraps: causes, Prisma's metadata, the parts of an AggregateError (several addresses tried). */
function chainOf(error: unknown, depth = 0): object[] {
  if (typeof error !== 'object' || error === null || depth > 6) return [];
  const { cause, meta, errors, driverAdapterError, originalError } = error as Record<string, unknown>;
  const inner = [
    cause,
    meta,
    driverAdapterError,
    originalError,
    ...(Array.isArray(errors) ? (errors as unknown[]) : []),
  ];
  return [error, ...inner.flatMap((link) => chainOf(link, depth + 1))];
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}
