import { Controller, Inject, Req, Res } from '@nestjs/common';
import type { Response } from 'express';
import { allRoutes } from '@crewtab/api-contract/all-routes';
import {
  createLoginCode,
  createSession,
  endAllSessions,
  endOneSession,
  endSession,
  getSession,
  listSessions,
  type CallerView,
  type SessionView,
} from '@crewtab/api-contract/session-routes';
import type { ApiPrincipal } from '@crewtab/domain/ports/management-store';
import type { Session } from '@crewtab/domain/ports/session-store';
import { Authenticator } from '../access/authenticator';
import { addressOf, unauthorized } from '../access/require-caller';
import { SessionAccess, type UsedSession } from '../access/session-access';
import { clearSessionCookie, setSessionCookie } from '../access/session-cookie';
import { Route, type RouteAnswer, type RouteInput } from '../contract/route';
import type { HttpRequest } from '../server/http-request';
import { notFound } from '../server/problem';

/** Browsers log in and out here. */
@Controller()
export class SessionController {
  constructor(
    @Inject(Authenticator) private readonly authenticator: Authenticator,
    @Inject(SessionAccess) private readonly sessions: SessionAccess,
  ) {}

  @Route(createSession)
  async logIn(
    { body }: RouteInput<typeof createSession>,
    @Req() request: HttpRequest,
    @Res({ passthrough: true }) response: Response,
  ): Promise<RouteAnswer<typeof createSession>> {
    const { apiKey, code = '' } = body;
    const address = addressOf(request);
    const principal = await (apiKey === undefined
      ? this.sessions.redeem(code, address)
      : this.authenticator.identify(apiKey, address));
    if (!principal)
      throw unauthorized(
        apiKey === undefined
          ? 'the code is unknown, was used or is too old: log in with an API key'
          : 'the API key is unknown or revoked',
        'Bearer realm="crewtab"',
      );
    const { token, ...used } = await this.sessions.logIn(principal, request.get('user-agent') ?? '');
    setSessionCookie(request, response, token, used.session.expiresAt);
    return toCallerView(principal, used);
  }

  @Route(getSession)
  get({ caller }: RouteInput<typeof getSession>, @Req() request: HttpRequest): RouteAnswer<typeof getSession> {
    return toCallerView(caller, request.session);
  }

  @Route(endSession)
  async logOut(
    { caller }: RouteInput<typeof endSession>,
    @Req() request: HttpRequest,
    @Res({ passthrough: true }) response: Response,
  ): Promise<void> {
    if (request.session) await this.sessions.end(caller, request.session.session.id);
    clearSessionCookie(request, response);
  }

  @Route(createLoginCode)
  async makeCode({ caller }: RouteInput<typeof createLoginCode>): Promise<RouteAnswer<typeof createLoginCode>> {
    const { code, expiresAt } = await this.sessions.makeCode(caller);
    return { code, expiresAt: expiresAt.toISOString() };
  }

  @Route(listSessions)
  async list(
    { caller }: RouteInput<typeof listSessions>,
    @Req() request: HttpRequest,
  ): Promise<RouteAnswer<typeof listSessions>> {
    const sessions = await this.sessions.list(caller);
    return { items: sessions.map((session) => toSessionView(session, request.session)) };
  }

  @Route(endAllSessions)
  async logOutEverywhere(
    { caller }: RouteInput<typeof endAllSessions>,
    @Req() request: HttpRequest,
    @Res({ passthrough: true }) response: Response,
  ): Promise<void> {
    await this.sessions.endAll(caller);
    clearSessionCookie(request, response);
  }

  @Route(endOneSession)
  async endOne({ caller, params }: RouteInput<typeof endOneSession>): Promise<void> {
    if (!(await this.sessions.end(caller, params.id))) throw notFound('session');
  }
}

function toCallerView(principal: ApiPrincipal, used: UsedSession | undefined): CallerView {
  const allowed = allRoutes.filter(({ role }) => role !== 'admin' || principal.role === 'admin');
  return {
    role: principal.role,
    capabilities: allowed.map(({ operationId }) => operationId),
    session: used ? toSessionView(used.session, used) : null,
    csrfToken: used?.csrfToken ?? null,
  };
}

function toSessionView(session: Session, current: UsedSession | undefined): SessionView {
  return {
    id: session.id,
    client: session.client,
    createdAt: session.createdAt.toISOString(),
    lastSeenAt: session.lastSeenAt.toISOString(),
    expiresAt: session.expiresAt.toISOString(),
    isCurrent: session.id === current?.session.id,
  };
}
