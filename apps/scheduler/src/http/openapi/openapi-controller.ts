import { Controller, Header, Inject } from '@nestjs/common';
import { getOpenApi } from '@crewtab/api-contract/service-routes';
import { Route } from '../contract/route';
import { HTTP_DEPS, type HttpDeps } from '../http-deps';
import { buildOpenApiDocument } from './openapi-document';

@Controller()
export class OpenApiController {
  constructor(@Inject(HTTP_DEPS) private readonly deps: Pick<HttpDeps, 'settings'>) {}

  @Route(getOpenApi)
  @Header('Content-Type', 'application/json; charset=utf-8')
  document(): string {
    return JSON.stringify(buildOpenApiDocument(this.deps.settings));
  }
}
