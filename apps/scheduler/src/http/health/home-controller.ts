import { Controller, Header, Inject } from '@nestjs/common';
import { getHome, getOpenApi } from '@crewtab/api-contract/service-routes';
import { Route } from '../contract/route';
import { HTTP_DEPS, type HttpDeps } from '../http-deps';
import { buildOpenApiDocument } from '../openapi/openapi-document';

/** The front door: says what runs here and where everything is. */
@Controller()
export class HomeController {
  constructor(@Inject(HTTP_DEPS) private readonly deps: Pick<HttpDeps, 'settings'>) {}

  @Route(getHome)
  @Header('Content-Type', 'text/html; charset=utf-8')
  home(): string {
    return renderHome(this.deps.settings.version);
  }

  @Route(getOpenApi)
  @Header('Content-Type', 'application/json; charset=utf-8')
  document(): string {
    return JSON.stringify(buildOpenApiDocument(this.deps.settings));
  }
}

const LINKS = [
  ['/api/docs', 'API documentation', 'try the REST API in the browser'],
  ['/api/openapi.json', 'OpenAPI document', 'for generating clients'],
  ['/queues', 'Queues', 'Bull Board; any user name, an admin API key as the password'],
  ['/readyz', 'Readiness', 'Postgres, Redis, job schedulers'],
  ['/metrics', 'Metrics', 'for Prometheus'],
] as const;

function renderHome(version: string): string {
  const items = LINKS.map(([href, name, words]) => `<li><a href="${href}">${name}</a> <span>${words}</span></li>`).join(
    '\n',
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Crewtab</title>
<style>
:root { color-scheme: light dark; }
body { font: 1rem/1.6 system-ui, sans-serif; max-width: 40rem; margin: 4rem auto; padding: 0 1rem; }
ul { padding-left: 1.2rem; }
span, footer { opacity: .7; }
</style>
</head>
<body>
<h1>Crewtab</h1>
<p>A crontab for crews of AI agents. The scheduler is running.</p>
<ul>
${items}
</ul>
<footer>Version ${escapeHtml(version)}</footer>
</body>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
