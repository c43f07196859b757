import { z } from 'zod';
import { ERROR_CODES, type ErrorCode } from '@crewtab/domain/errors';

const ALL_CODES = Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]];

/** Codes that are not listed cannot come out of a request other than by a fault of ours. */
const STATUS_BY_CODE: Partial<Record<ErrorCode, number>> = {
  invalid_request: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  team_in_use: 409,
  secret_in_use: 409,
  edited_meanwhile: 412,
  idempotency_mismatch: 409,
  idempotency_in_progress: 409,
  payload_too_large: 413,
  rate_limited: 429,
  unsupported_media_type: 415,
  not_ready: 503,
  store_unreachable: 503,
  engine_unreachable: 503,
};

export function httpStatusOf(code: ErrorCode): number {
  return STATUS_BY_CODE[code] ?? 500;
}

export const errorCode = z.enum(ALL_CODES);

/** The body of every answer that refuses a request (RFC 9457). */
export const problemView = z
  .object({
    type: z.string().meta({ examples: ['urn:crewtab:error:invalid_request'] }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: errorCode,
    errors: z
      .array(z.object({ path: z.string().meta({ examples: ['agents.0.name'] }), message: z.string() }))
      .optional()
      .meta({ description: 'For invalid input: every faulty field.' }),
    checks: z.record(z.string(), z.string()).optional().meta({ description: 'For `not_ready`: what each check says.' }),
    edited: z
      .object({ revision: z.int(), fields: z.record(z.string(), z.unknown()) })
      .optional()
      .meta({ description: 'For `edited_meanwhile`: the present revision, and what changed since, as it is now.' }),
    requestId: z.string().optional(),
  })
  .meta({ id: 'Problem' });

export type ProblemView = z.input<typeof problemView>;
