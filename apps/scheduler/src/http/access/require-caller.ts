import type { NextFunction, Response } from 'express';
import { allRoutes } from '@crewtab/api-contract/all-routes';
import { patternOf, type Route } from '@crewtab/api-contract/route';
import { CSRF_HEADER } from '@crewtab/api-contract/session-routes';
import type { ApiPrincipal } from '@crewtab/domain/ports/management-store';
import type { HttpRequest } from '../server/http-request';
import { RequestRefused } from '../server/problem';
import type { Authenticator } from './authenticator';
import { networkOf, type RequestLimits } from './request-limits';
import { isSameToken, type SessionAccess } from './session-access';
import { readSessionCookie } from './session-cookie';

/** Who may ask, and how often. */
interface Access {
  readonly authenticator: Authenticator;
  readonly sessions: SessionAccess;
  readonly limits: RequestLimits;
}

/** Where a key is exchanged for a session. */
const OPEN_ROUTES = (allRoutes as readonly Route[]).filter(({ opensSession }) => opensSession);

/**
 * Lets only requests pass with a valid `Authorization: Bearer <api key>`, or with the cookie of a session, and notes whose they
 * are. A key that is sent is what counts. Runs before any body is read.
 */
export function requireCaller(access: Access) {
  return async (request: HttpRequest, _response: Response, next: NextFunction): Promise<void> => {
    const header = request.get('authorization');
    const token = readSessionCookie(request);
    if (isOpen(request)) await count(access, request, null);
    else if (header !== undefined || token === null) await passWithKey(header, request, access);
    else await passWithSession(token, request, access);
    next();
  };
}

function isOpen(request: HttpRequest): boolean {
  const path = `${request.baseUrl}${request.path}`;
  return OPEN_ROUTES.some((route) => route.method === request.method.toLowerCase() && patternOf(route.path).test(path));
}

async function passWithKey(header: string | undefined, request: HttpRequest, access: Access): Promise<void> {
  const key = bearerKey(header);
  const principal = await identifyKey(access, request, key);
  if (key === null)
    throw unauthorized(
      'an API key is needed: send the header "Authorization: Bearer <api key>"',
      'Bearer realm="crewtab"',
    );
  if (!principal)
    throw unauthorized('the API key is unknown or revoked', 'Bearer realm="crewtab", error="invalid_token"');
  request.principal = principal;
}

/** SameSite keeps other sites from sending the cookie already; the token also stops pages on other ports of this host. */
async function passWithSession(token: string, request: HttpRequest, access: Access): Promise<void> {
  const used = await identifySession(access, request, token);
  if (!used) throw unauthorized('the session is over: log in again', 'Bearer realm="crewtab"');
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  if (!isRead && !isSameToken(request.get(CSRF_HEADER) ?? '', used.csrfToken))
    throw new RequestRefused('forbidden', `with a session, ${request.method} needs its token in ${CSRF_HEADER}`);
  request.principal = used.principal;
  request.session = used;
}

/**
 * For pages that a browser opens: a bearer key, HTTP Basic with the key as password (any user name), or the cookie of a
 * session. Admins only. Not for the API: a browser would attach Basic credentials to requests that other sites make.
 */
export function requireAdmin(access: Access) {
  return async (request: HttpRequest, _response: Response, next: NextFunction): Promise<void> => {
    const header = request.get('authorization');
    const key = bearerKey(header) ?? basicPassword(header);
    const token = header === undefined ? readSessionCookie(request) : null;
    const challenge = 'Basic realm="crewtab: any user name, the API key as password", charset="UTF-8"';
    const principal =
      token === null
        ? await identifyKey(access, request, key)
        : (await identifySession(access, request, token))?.principal;
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

async function identifyKey(access: Access, request: HttpRequest, key: string | null): Promise<ApiPrincipal | null> {
  const principal = key === null ? null : await access.authenticator.identify(key, addressOf(request));
  await count(access, request, principal);
  return principal;
}

async function identifySession(access: Access, request: HttpRequest, token: string) {
  const used = await access.sessions.identify(token, addressOf(request));
  await count(access, request, used?.principal ?? null);
  return used;
}

/** Counts the request for its key, which a session stands for, or for its address where it has none that is valid. */
async function count({ limits }: Access, request: HttpRequest, principal: ApiPrincipal | null): Promise<void> {
  await limits.countRequest(principal ? `key ${principal.keyId}` : networkOf(addressOf(request)));
}

/** As the first proxy that is trusted names it. Gone with the connection of a client that did not wait. */
export function addressOf(request: HttpRequest): string {
  return request.ip ?? 'gone';
}

export function unauthorized(detail: string, challenge: string): RequestRefused {
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
