import { httpStatusOf, type ProblemView } from '@crewtab/api-contract/problem';
import { AppError, ERROR_CODES, type ErrorCode } from '@crewtab/domain/errors';

/** What is wrong with one field. `path` is `agents.0.name`; a query parameter's or header's name; '' for the whole body. */
export interface FieldError {
  readonly path: string;
  readonly message: string;
}

/** A request that is refused. Carries what the answer says beyond code and detail. */
export class RequestRefused extends AppError {
  readonly errors: readonly FieldError[] | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly edited: ProblemView['edited'];

  constructor(
    code: ErrorCode,
    detail: string,
    options: {
      errors?: readonly FieldError[];
      headers?: Readonly<Record<string, string>>;
      edited?: ProblemView['edited'];
      cause?: unknown;
    } = {},
  ) {
    super(code, detail, { cause: options.cause });
    this.name = 'RequestRefused';
    this.errors = options.errors;
    this.headers = options.headers ?? {};
    this.edited = options.edited;
  }
}

/** Input that is not valid, every fault at once. */
export function invalidInput(errors: readonly FieldError[], options: { cause?: unknown } = {}): RequestRefused {
  const [first] = errors;
  const detail =
    errors.length === 1 && first
      ? describeOne(first)
      : `${errors.length} faults: ${errors.slice(0, 5).map(describeOne).join('; ')}`;
  return new RequestRefused('invalid_request', detail, { errors, ...options });
}

/** The resource is not there, or belongs to another organization, which must look the same. */
export function notFound(what: string): RequestRefused {
  return new RequestRefused('not_found', `there is no such ${what}`);
}

function describeOne(error: FieldError): string {
  return error.path === '' ? error.message : `${error.path}: ${error.message}`;
}

/** Builds the answer's body. What is behind a 5xx stays in the log: its words may hold internals. */
export function toProblem(error: AppError, requestId: string | undefined): ProblemView {
  const status = httpStatusOf(error.code);
  const code = status === 500 ? 'internal' : error.code;
  const errors = errorsOf(error);
  return {
    type: `urn:crewtab:error:${code}`,
    title: ERROR_CODES[code],
    status,
    detail: describe(error, status),
    code,
    ...(errors ? { errors: [...errors] } : {}),
    ...(error instanceof RequestRefused && error.edited ? { edited: error.edited } : {}),
    ...(requestId ? { requestId } : {}),
  };
}

/** The stores put the field's name before their words: `cursor: not a cursor of this list`. */
function errorsOf(error: AppError): readonly FieldError[] | undefined {
  if (error instanceof RequestRefused) return error.errors;
  if (error.code !== 'invalid_request' && error.code !== 'not_found') return undefined;
  const [, path, message] = /^(\w+): (.+)$/s.exec(error.message) ?? [];
  return path !== undefined && message !== undefined ? [{ path, message }] : undefined;
}

function describe(error: AppError, status: number): string {
  if (status === 500)
    return 'something went wrong inside Crewtab; its log says what, under the requestId of this answer';
  if (status === 503 && !(error instanceof RequestRefused))
    return 'a service that Crewtab needs does not answer right now; try again in a moment';
  return error.message;
}
