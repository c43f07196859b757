import { createHash } from 'node:crypto';
import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import type { Response } from 'express';
import { tap, type Observable } from 'rxjs';

/**
 * Adds an `ETag` to what has a revision: that revision, by which `If-Match` goes, and a digest of the answer, by which a
 * client may keep it (a schedule's status changes without a revision).
 */
export class EtagInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const response = context.switchToHttp().getResponse<Response>();
    return next.handle().pipe(tap((body: unknown) => setEtag(response, body)));
  }
}

function setEtag(response: Response, body: unknown): void {
  const { revision } = (body ?? {}) as { revision?: unknown };
  if (typeof revision !== 'number') return;
  const digest = createHash('sha256').update(JSON.stringify(body)).digest('hex').slice(0, 16);
  response.setHeader('ETag', `"${revision}-${digest}"`);
}
