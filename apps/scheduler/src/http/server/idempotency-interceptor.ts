import { createHash } from 'node:crypto';
import { HttpException, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import type { Response } from 'express';
import { catchError, concatMap, from, of, throwError, type Observable } from 'rxjs';
import { httpStatusOf } from '@crewtab/api-contract/problem';
import { isRepeatable } from '@crewtab/api-contract/route';
import { AppError } from '@crewtab/domain/errors';
import type { StoredAnswer } from '@crewtab/domain/ports/management-store';
import { contractOf } from '../contract/route';
import type { HttpDeps } from '../http-deps';
import { canonicalJson } from './canonical-json';
import type { HttpRequest } from './http-request';
import { invalidInput, RequestRefused } from './problem';

/** How a request ended. */
type End = StoredAnswer | 'refused' | 'unknown';

const KEY = /^[\x21-\x7e]{1,255}$/;

/**
 * Makes POSTs with an `Idempotency-Key` safe to repeat: the first success is kept and given again. Refusals are not
 * kept, so the same key may come back with a corrected body. A crash between the handler's commit and `complete`
 * leaves the key reserved; a repetition after that reservation has run out goes through the handler again, and finds what
 * was made: teams and schedules by the id that belongs to the reservation, runs by the key that they carry.
 */
export class IdempotencyInterceptor implements NestInterceptor {
  constructor(private readonly deps: Pick<HttpDeps, 'idempotency' | 'logger'>) {}

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const request = context.switchToHttp().getRequest<HttpRequest>();
    const contract = contractOf(context.getHandler());
    const key = request.get('idempotency-key');
    const { principal } = request;
    if (!contract || !isRepeatable(contract) || key === undefined || !principal) return next.handle();
    if (!KEY.test(key))
      throw invalidInput([
        { path: 'Idempotency-Key', message: 'must be 1 to 255 printable ASCII characters without spaces' },
      ]);
    const { organizationId } = principal;
    const response = context.switchToHttp().getResponse<Response>();
    const reservation = await this.deps.idempotency.reserve(organizationId, key, fingerprint(request));
    switch (reservation.state) {
      case 'mismatch':
        throw new RequestRefused('idempotency_mismatch', 'this Idempotency-Key was used for another request');
      case 'busy':
        throw new RequestRefused(
          'idempotency_in_progress',
          'the first request with this Idempotency-Key is still being answered',
          {
            headers: { 'Retry-After': '1' },
          },
        );
      case 'done':
        response.setHeader('Idempotency-Replayed', 'true');
        response.status(reservation.answer.status);
        return of(reservation.answer.body);
      case 'new':
        request.resourceId = reservation.resourceId;
        return this.answerOnce(next, response, (end) => this.settle(organizationId, key, end));
    }
  }

  private answerOnce(next: CallHandler, response: Response, settle: (end: End) => Promise<void>): Observable<unknown> {
    return next.handle().pipe(
      catchError((error: unknown) => from(settle(endBy(error))).pipe(concatMap(() => throwError(() => error)))),
      concatMap(async (body: unknown) => {
        await settle({ status: response.statusCode, body });
        return body;
      }),
    );
  }

  /** What was asked for has been done (or refused) already, so a failure to note it must not change the answer. */
  private async settle(organizationId: string, key: string, end: End): Promise<void> {
    try {
      if (typeof end === 'object') await this.deps.idempotency.complete(organizationId, key, end);
      else await this.deps.idempotency.abandon(organizationId, key, end);
    } catch (error) {
      this.deps.logger.warn({ organizationId, error }, 'could not note the end of a request with an Idempotency-Key');
    }
  }
}

/** A fault may have come after the work was done: a commit whose answer was lost. */
function endBy(error: unknown): End {
  const status = error instanceof AppError ? httpStatusOf(error.code) : statusOf(error);
  return status < 500 ? 'refused' : 'unknown';
}

function statusOf(error: unknown): number {
  return error instanceof HttpException ? error.getStatus() : 500;
}

function fingerprint(request: HttpRequest): string {
  const parts = [request.method, request.path, canonicalJson(request.body)];
  return createHash('sha256').update(parts.join('\n')).digest('hex');
}
