import type { Response } from 'express';
import type { HttpRequest } from '../server/http-request';

/** A token is 43 characters of the URL alphabet. */
const TOKEN = /^[A-Za-z0-9_-]{43}$/;

/** The token of the request's session cookie; null where it has none. */
export function readSessionCookie(request: HttpRequest): string | null {
  const name = cookieName(request);
  for (const pair of (request.get('cookie') ?? '').split(';')) {
    const [key, value = ''] = pair.trim().split('=', 2);
    if (key === name && TOKEN.test(value)) return value;
  }
  return null;
}

export function setSessionCookie(request: HttpRequest, response: Response, token: string, expiresAt: Date): void {
  response.cookie(cookieName(request), token, { ...attributesFor(request), expires: expiresAt });
}

export function clearSessionCookie(request: HttpRequest, response: Response): void {
  response.clearCookie(cookieName(request), attributesFor(request));
}

/** With the port that the browser asked, since browsers share the cookies of a host among all its ports. */
function cookieName(request: HttpRequest): string {
  const port = /:(\d{1,5})$/.exec(request.get('host') ?? '')?.[1] ?? (isSecure(request) ? '443' : '80');
  return `${isSecure(request) ? '__Host-' : ''}crewtab_session_${port}`;
}

function attributesFor(request: HttpRequest) {
  return { httpOnly: true, sameSite: 'strict', secure: isSecure(request), path: '/' } as const;
}

/** As a trusted proxy with TLS says that stands in front: express reads X-Forwarded-Proto of no other. */
function isSecure(request: HttpRequest): boolean {
  return request.secure;
}
