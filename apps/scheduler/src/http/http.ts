import type { Provider, Type } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { API_PATH } from '@crewtab/api-contract/route';
import { Authenticator } from './access/authenticator';
import { RequestLimits } from './access/request-limits';
import { limitAddresses, requireAdmin, requireCaller } from './access/require-caller';
import { SessionAccess } from './access/session-access';
import { warnOfUntrustedProxy } from './access/untrusted-proxy';
import { plainArtifactPaths } from './artifacts/artifact-paths';
import { ArtifactsController } from './artifacts/artifacts-controller';
import { bullBoard, QUEUES_PATH } from './bull-board';
import { ConfigController } from './config/config-controller';
import { checkContract } from './contract/check-contract';
import { RoleGuard } from './contract/role-guard';
import { RouteInputInterceptor } from './contract/route-input';
import { EventsController } from './events/events-controller';
import { OrganizationEvents } from './events/organization-events';
import { HealthController } from './health/health-controller';
import { HTTP_DEPS, type HttpDeps } from './http-deps';
import { allowedMethods } from './openapi/allowed-methods';
import { OpenApiController } from './openapi/openapi-controller';
import { buildOpenApiDocument } from './openapi/openapi-document';
import { OverviewController } from './overview/overview-controller';
import { PresetImageStreams } from './presets/preset-image-streams';
import { PresetsController } from './presets/presets-controller';
import { PromptsController } from './schedules/prompts-controller';
import { RunEvents } from './runs/run-events';
import { RunsController } from './runs/runs-controller';
import { HistoryController } from './schedules/history-controller';
import { SchedulesController } from './schedules/schedules-controller';
import { SecretsController } from './secrets/secrets-controller';
import { Connections } from './server/connections';
import { EtagInterceptor } from './server/etag-interceptor';
import { IdempotencyInterceptor } from './server/idempotency-interceptor';
import { jsonBody } from './server/json-body';
import { LocationInterceptor } from './server/location-interceptor';
import { ProblemFilter } from './server/problem-filter';
import { requestLog } from './server/request-log';
import { securityHeaders } from './server/security-headers';
import { SessionController } from './session/session-controller';
import { TimelineController } from './schedules/timeline-controller';
import { SystemController } from './system/system-controller';
import { TeamsController } from './teams/teams-controller';
import { UsageController } from './usage/usage-controller';
import { webPages } from './web/web-pages';

/** For the app module's `controllers`. */
export const httpControllers: readonly Type[] = [
  TeamsController,
  PresetsController,
  SecretsController,
  PromptsController,
  SchedulesController,
  HistoryController,
  TimelineController,
  RunsController,
  ArtifactsController,
  OverviewController,
  UsageController,
  EventsController,
  ConfigController,
  SystemController,
  SessionController,
  HealthController,
  OpenApiController,
];

/** For the app module's `providers`, beside HTTP_DEPS. */
export const httpProviders: readonly Provider[] = [
  {
    provide: RequestLimits,
    useFactory: (deps: HttpDeps) => new RequestLimits(deps.protection.limits),
    inject: [HTTP_DEPS],
  },
  { provide: PresetImageStreams, useFactory: (deps: HttpDeps) => new PresetImageStreams(deps), inject: [HTTP_DEPS] },
  { provide: RunEvents, useFactory: (deps: HttpDeps) => new RunEvents(deps), inject: [HTTP_DEPS] },
  {
    provide: OrganizationEvents,
    useFactory: (deps: HttpDeps) => new OrganizationEvents(deps),
    inject: [HTTP_DEPS],
  },
  {
    provide: Authenticator,
    useFactory: ({ access, clock }: HttpDeps, limits: RequestLimits) => new Authenticator(access, clock, limits),
    inject: [HTTP_DEPS, RequestLimits],
  },
  {
    provide: SessionAccess,
    useFactory: ({ sessions, settings }: HttpDeps, limits: RequestLimits) =>
      new SessionAccess(sessions, settings, limits),
    inject: [HTTP_DEPS, RequestLimits],
  },
  { provide: Connections, useFactory: (host: HttpAdapterHost) => new Connections(host), inject: [HttpAdapterHost] },
];

/**
 * Everything around the controllers. Call it once, before the app listens, on an app made with `bodyParser: false`.
 * Order matters: who asks is known before a body is read, and a body is read before a handler sees the request.
 */
export function configureHttp(app: NestExpressApplication, deps: HttpDeps): void {
  checkContract(httpControllers);
  const limits = app.get(RequestLimits);
  const access = { limits, authenticator: app.get(Authenticator), sessions: app.get(SessionAccess) };
  const { trustedProxies } = deps.protection;
  app.set('trust proxy', trustedProxies.length > 0 ? [...trustedProxies] : false);
  app.disable('x-powered-by');
  app.set('query parser', 'simple');
  app.use(requestLog(deps));
  app.use(securityHeaders());
  if (trustedProxies.length === 0) app.use(warnOfUntrustedProxy(deps.logger));
  app.use(['/metrics', '/api/docs', '/api/openapi.json'], limitAddresses(limits));
  app.use(webPages(deps.webFiles));
  app.use(QUEUES_PATH, requireAdmin(access), ...bullBoard(deps));
  SwaggerModule.setup('api/docs', app, buildOpenApiDocument(deps.settings) as unknown as OpenAPIObject, {
    raw: false,
    customSiteTitle: 'Crewtab API',
  });
  app.use(plainArtifactPaths());
  app.use(API_PATH, requireCaller(access), ...jsonBody());
  app.useGlobalFilters(new ProblemFilter(deps.logger, allowedMethods));
  app.useGlobalGuards(new RoleGuard());
  app.useGlobalInterceptors(
    new LocationInterceptor(),
    new EtagInterceptor(),
    new IdempotencyInterceptor(deps),
    new RouteInputInterceptor(deps.settings),
  );
}
