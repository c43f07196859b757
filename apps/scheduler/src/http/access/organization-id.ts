import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { HttpRequest } from '../server/http-request';
import { RequestRefused } from '../server/problem';

/** The organization of the request's key: a handler's parameter. */
export const OrganizationId = createParamDecorator((_: unknown, context: ExecutionContext): string => {
  return organizationOf(context.switchToHttp().getRequest<HttpRequest>());
});

/** @throws RequestRefused when a route was left outside authentication: better no answer than one for everybody */
export function organizationOf(request: HttpRequest): string {
  if (!request.principal) throw new RequestRefused('unauthorized', 'an API key is needed');
  return request.principal.organizationId;
}
