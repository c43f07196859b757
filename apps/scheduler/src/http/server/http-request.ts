import type { Request } from 'express';
import type { ApiPrincipal } from '@crewtab/domain/ports/management-store';

/** A request with what our middleware put on it. */
export interface HttpRequest extends Request {
  requestId?: string;
  /** Set behind authentication. */
  principal?: ApiPrincipal;
}
