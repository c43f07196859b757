import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import type { Response } from 'express';
import { tap, type Observable } from 'rxjs';
import { API_PATH } from '@crewtab/api-contract/route';
import type { HttpRequest } from './http-request';

/** Adds `Location` to answers of POSTs that made something: what was created, or the run that was started. */
export class LocationInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = context.switchToHttp().getRequest<HttpRequest>();
    const response = context.switchToHttp().getResponse<Response>();
    if (request.method !== 'POST') return next.handle();
    return next.handle().pipe(tap((body: unknown) => setLocation(request, response, body)));
  }
}

function setLocation(request: HttpRequest, response: Response, body: unknown): void {
  const { id } = (body ?? {}) as { id?: unknown };
  if (typeof id !== 'string') return;
  if (response.statusCode === 201) response.location(`${request.path.replace(/\/$/, '')}/${id}`);
  else if (response.statusCode === 202) response.location(`${API_PATH}/runs/${id}`);
}
