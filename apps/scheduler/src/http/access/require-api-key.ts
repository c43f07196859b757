import type { NextFunction, Response } from 'express';
import type { ApiPrincipal } from '@crewtab/domain/ports/management-store';
import type { HttpRequest } from '../server/http-request';
import { RequestRefused } from '../server/problem';
import type { Authenticator } from './authenticator';
import { networkOf, type RequestLimits } from './request-limits';

/** Who may ask, and how often. */
interface Access {
  readonly authenticator: Authenticator;
  readonly limits: RequestLimits;
}

/** Lets only requests with a valid `Authorization: Bearer <api key>` pass, and notes whose they are. Runs before any body is read. */
export function requireApiKey(access: Access) {
  return async (request: HttpRequest, _response: Response, next: NextFunction): Promise<void> => {
    const key = bearerKey(request.get('authorization'));
    const principal = await identify(access, request, key);
    if (key === null)
      throw unauthorized(
        'an API key is needed: send the header "Authorization: Bearer <api key>"',
        'Bearer realm="crewtab"',
      );
    if (!principal)
      throw unauthorized('the API key is unknown or revoked', 'Bearer realm="crewtab", error="invalid_token"');
    request.principal = principal;
    next();
  };
}

/**
 * For pages that a browser opens: a bearer key, or HTTP Basic with the key as password (any user name). Admins only.
 * Not for the API: a browser would attach Basic credentials to requests that other sites make.
 */
export function requireAdmin(access: Access) {
  return async (request: HttpRequest, _response: Response, next: NextFunction): Promise<void> => {
    const header = request.get('authorization');
    const key = bearerKey(header) ?? basicPassword(header);
    const challenge = 'Basic realm="crewtab: any user name, the API key as password", charset="UTF-8"';
    const principal = await identify(access, request, key);
    if (!principal) throw unauthorized('log in with any user name and an admin API key as the password', challenge);
    if (principal.role !== 'admin') throw new RequestRefused('forbidden', 'this page is for admin keys only');
    request.principal = principal;
    next();
  };
}

/** For what is answered without a key. */
export function limitAddresses(limits: RequestLimits) {
  return async (request: HttpRequest, _response: Response, next: NextFunction): Promise<void> => {
    await limits.countRequest(networkOf(addressOf(request)));
    next();
  };
}

/** Counts the request, for its key or, without one, for its address. */
async function identify(
  { authenticator, limits }: Access,
  request: HttpRequest,
  key: string | null,
): Promise<ApiPrincipal | null> {
  const address = addressOf(request);
  const principal = key === null ? null : await authenticator.identify(key, address);
  await limits.countRequest(principal ? `key ${principal.keyId}` : networkOf(address));
  return principal;
}

/** As the first proxy that is trusted names it. Gone with the connection of a client that did not wait. */
function addressOf(request: HttpRequest): string {
  return request.ip ?? 'gone';
}

function unauthorized(detail: string, challenge: string): RequestRefused {
  return new RequestRefused('unauthorized', detail, { headers: { 'WWW-Authenticate': challenge } });
}

function bearerKey(header: string | undefined): string | null {
  return /^Bearer +(\S+) *$/i.exec(header ?? '')?.[1] ?? null;
}

function basicPassword(header: string | undefined): string | null {
  const encoded = /^Basic +([A-Za-z0-9+/=_-]+) *$/i.exec(header ?? '')?.[1];
  if (encoded === undefined) return null;
  const decoded = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  return colon === -1 ? null : decoded.slice(colon + 1);
}
