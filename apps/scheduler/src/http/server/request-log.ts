import { randomUUID } from 'node:crypto';
import type { NextFunction, Response } from 'express';
import type { HttpDeps } from '../http-deps';
import type { HttpRequest } from './http-request';

/** What a caller may choose as its request id; anything else is replaced. */
const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;

/** Gives each request an id (the caller's own, if it sent one), and notes how it ended in log and metrics. */
export function requestLog(deps: Pick<HttpDeps, 'logger' | 'clock' | 'metrics'>) {
  return (request: HttpRequest, response: Response, next: NextFunction): void => {
    const given = request.get('x-request-id') ?? '';
    const requestId = REQUEST_ID.test(given) ? given : randomUUID();
    request.requestId = requestId;
    response.setHeader('X-Request-Id', requestId);
    const startedMs = deps.clock.monotonicMs();
    const { method, path } = request;
    response.once('close', () => {
      const durationMs = Math.round(deps.clock.monotonicMs() - startedMs);
      deps.metrics.httpRequest(method, routeOf(request), response.statusCode, durationMs);
      deps.logger.debug({ requestId, method, path, status: response.statusCode, durationMs }, 'request answered');
    });
    next();
  };
}

/** The pattern of the route that matched; one word for all others, since paths are without number. */
function routeOf(request: HttpRequest): string {
  const route: unknown = (request as { route?: { path?: unknown } }).route?.path;
  return typeof route === 'string' ? route : 'other';
}
