import type { Request } from 'express';
import type { ApiPrincipal } from '@crewtab/domain/ports/management-store';
import type { UsedSession } from '../access/session-access';

/** A request with what our middleware put on it. */
export interface HttpRequest extends Request {
  requestId?: string;
  /** Set behind authentication. */
  principal?: ApiPrincipal;
  /** Of a request that came with a session's cookie. */
  session?: UsedSession;
  /** Of what a POST with an Idempotency-Key makes: every attempt at it has the same one. */
  resourceId?: string;
  /** By the contract of the route; set before the handler is called, which takes it by its contract's type. */
  input?: unknown;
}
