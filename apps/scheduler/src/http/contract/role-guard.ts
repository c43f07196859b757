import type { CanActivate, ExecutionContext } from '@nestjs/common';
import type { HttpRequest } from '../server/http-request';
import { RequestRefused } from '../server/problem';
import { contractOf } from './route';

/** Lets a request pass whose key has the role that the contract asks for. Keys themselves are checked before any body is read. */
export class RoleGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const contract = contractOf(context.getHandler());
    if (contract?.role === 'public') return true;
    const { principal } = context.switchToHttp().getRequest<HttpRequest>();
    // A handler that was left outside of authentication: better no answer than one for everybody.
    if (!contract || !principal) throw new RequestRefused('unauthorized', 'an API key is needed');
    if (contract.role === 'admin' && principal.role !== 'admin')
      throw new RequestRefused('forbidden', `${contract.method.toUpperCase()} ${contract.path} is for admin keys only`);
    return true;
  }
}
