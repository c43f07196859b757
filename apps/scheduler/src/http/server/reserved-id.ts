import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { HttpRequest } from './http-request';

/** What the thing is to be called that the request makes; undefined without an Idempotency-Key: a handler's parameter. */
export const ReservedId = createParamDecorator((_: unknown, context: ExecutionContext): string | undefined => {
  return context.switchToHttp().getRequest<HttpRequest>().resourceId;
});
