import express, { type NextFunction, type RequestHandler, type Response } from 'express';
import type { HttpRequest } from './http-request';
import { invalidInput, RequestRefused } from './problem';

/** 1 MiB. */
export const MAX_BODY_BYTES = 1_048_576;

/** Reads JSON bodies and refuses all others, each refusal being one of our problems. */
export function jsonBody(): RequestHandler[] {
  // strict off: a body that is JSON but no object gets the schema's words in place of a syntax error.
  const parse = express.json({
    limit: MAX_BODY_BYTES,
    strict: false,
    type: ['application/json', 'application/*+json'],
    reviver: refuseProto,
  });
  return [
    refuseOtherTypes,
    (request, response, next) => {
      parse(request, response, (error?: unknown) => {
        if (error === undefined) next();
        else next(translate(error));
      });
    },
  ];
}

function refuseOtherTypes(request: HttpRequest, _response: Response, next: NextFunction): void {
  if (!hasBody(request) || request.is(['application/json', '+json']) !== false) {
    next();
    return;
  }
  const given = request.get('content-type') ?? 'no Content-Type';
  next(
    new RequestRefused('unsupported_media_type', `bodies are application/json, not ${given}`, {
      headers: { Accept: 'application/json' },
    }),
  );
}

function hasBody(request: HttpRequest): boolean {
  return request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
}

/** `__proto__` as a field would slip through schemas unseen. */
function refuseProto(this: unknown, key: string, value: unknown): unknown {
  if (key === '__proto__') throw new SyntaxError('a field must not be called __proto__');
  return value;
}

function translate(error: unknown): RequestRefused {
  const { type, message } = error as { type?: string; message?: string };
  switch (type) {
    case 'entity.too.large':
      return new RequestRefused('payload_too_large', `the body is over ${MAX_BODY_BYTES} bytes`, { cause: error });
    case 'charset.unsupported':
    case 'encoding.unsupported':
      return new RequestRefused('unsupported_media_type', message ?? 'the encoding of the body is not supported', {
        cause: error,
      });
    default:
      return invalidInput(
        [{ path: '', message: `the body could not be read as JSON: ${message ?? 'unknown fault'}` }],
        { cause: error },
      );
  }
}
