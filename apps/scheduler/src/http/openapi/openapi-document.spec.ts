import request from 'supertest';
import { allRoutes } from '@crewtab/api-contract/all-routes';
import { schemaOf, type Route } from '@crewtab/api-contract/route';
import { SETTINGS, startHttp } from '../http-fixture';
import { allowedMethods } from './allowed-methods';
import { buildOpenApiDocument } from './openapi-document';

const document = buildOpenApiDocument(SETTINGS);

interface Layer {
  readonly route?: { readonly path: string; readonly methods: Readonly<Record<string, boolean>> };
}

/** What the router really answers, in OpenAPI's spelling. Swagger's own pages are not part of the API. */
async function realRoutes(): Promise<string[]> {
  const http = await startHttp();
  const { stack } = (http.app.getHttpAdapter().getInstance() as { router: { stack: Layer[] } }).router;
  const routes = stack.flatMap(({ route }) =>
    route ? Object.keys(route.methods).map((method) => `${method} ${route.path.replace(/:(\w+)/g, '{$1}')}`) : [],
  );
  await http.app.close();
  return routes.filter((route) => !route.includes('/api/docs')).sort();
}

/** Every value behind a key, however deep. */
function valuesOf(value: unknown, key: string): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value as Record<string, unknown>).flatMap(([name, inner]) =>
    name === key ? [inner] : valuesOf(inner, key),
  );
}

it('describes exactly the routes that exist', async () => {
  const described = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  );
  expect(described.sort()).toEqual(await realRoutes());
});

it('refers only to schemas that it has', () => {
  const refs = valuesOf(document, '$ref') as string[];
  expect(refs.length).toBeGreaterThan(20);
  for (const ref of refs)
    expect(Object.keys(document.components.schemas)).toContain(ref.replace('#/components/schemas/', ''));
});

it('tells limits, formats, required fields and defaults of what may be sent', () => {
  const [create] = valuesOf(document.paths['/api/v1/schedules']?.post, 'schema').slice(-1);
  expect(JSON.stringify(document.paths['/api/v1/schedules']?.post)).toContain('"maxLength":50000');
  expect(create).toBeDefined();
  const body = (
    document.paths['/api/v1/schedules']?.post as { requestBody: { content: Record<string, { schema: object }> } }
  ).requestBody;
  expect(body.content['application/json']?.schema).toMatchObject({
    type: 'object',
    additionalProperties: false,
    required: ['teamId', 'name', 'prompt', 'cron'],
    properties: {
      timeout: { default: '1h' },
      overlap: { enum: ['allow', 'skip', 'queue', 'replace'], default: 'allow' },
    },
  });
});

it('describes errors, authentication, queries and idempotency of an operation', () => {
  const list = document.paths['/api/v1/runs']?.get as {
    parameters: { name: string; in: string; required: boolean }[];
    responses: object;
    security: unknown;
  };
  expect(list.parameters.map((parameter) => parameter.name)).toEqual([
    'limit',
    'cursor',
    'status',
    'trigger',
    'code',
    'since',
    'until',
    'minDuration',
    'maxDuration',
    'minCost',
    'maxCost',
    'sort',
    'scheduleId',
    'teamId',
  ]);
  expect(list.parameters.every((parameter) => parameter.in === 'query' && !parameter.required)).toBe(true);
  expect(Object.keys(list.responses)).toEqual(['200', '400', '401', '429', '503']);
  expect(list.security).toEqual([{ apiKey: [] }]);
  const trigger = document.paths['/api/v1/schedules/{id}/trigger']?.post as {
    parameters: { name: string }[];
    responses: object;
  };
  expect(trigger.parameters.map((parameter) => parameter.name)).toEqual(['id', 'Idempotency-Key']);
  const refused = ['400', '401', '403', '404', '409', '413', '415', '429', '503'];
  expect(Object.keys(trigger.responses)).toEqual(['202', ...refused]);
  expect(document.paths['/healthz']?.get).toMatchObject({ security: [] });
});

it.each((allRoutes as readonly Route[]).filter(({ body }) => body?.example !== undefined))(
  'has an example for $operationId that the API would take',
  ({ body }) => {
    expect(body && schemaOf(body.schema, SETTINGS).safeParse(body.example)).toMatchObject({ success: true });
  },
);

it('names each view once and refers to it', () => {
  const own = [
    'Acknowledgement',
    'Artifact',
    'Caller',
    'Config',
    'Decommission',
    'EventPosition',
    'Glossary',
    'Health',
    'HostImage',
    'LoginCode',
    'Message',
    'MessageHit',
    'Occurrences',
  ];
  const more = [
    'Overview',
    'OverviewRun',
    'Preset',
    'Problem',
    'Readiness',
    'RunCounts',
    'RunEvent',
    'RunNeighbours',
    'RunOutline',
    'RunTimeline',
    'RunUsage',
    'Schedule',
    'ScheduleRun',
    'SearchResult',
    'Secret',
    'Session',
    'Sessions',
    'System',
  ];
  const last = ['Team', 'TeamDeployment', 'TextSlice', 'Usage'];
  expect(Object.keys(document.components.schemas).sort()).toEqual([...own, ...more, ...last]);
  expect(JSON.stringify(document)).not.toContain('$defs');
  const list = document.paths['/api/v1/teams']?.get as { responses: Record<string, unknown> };
  expect(valuesOf(list.responses[200], 'items')).toContainEqual({
    type: 'array',
    items: { $ref: '#/components/schemas/Team' },
  });
});

it('is served without a key, with a page to try it', async () => {
  const http = await startHttp();
  const json = await request(http.server)
    .get('/api/openapi.json')
    .expect(200)
    .expect('Content-Type', /application\/json/);
  expect(json.body).toEqual(JSON.parse(JSON.stringify(document)));
  const page = await request(http.server).get('/api/docs').expect(200);
  expect(page.text).toContain('Crewtab API');
  // The content security policy allows no inline scripts.
  expect(page.text).not.toMatch(/<script(?![^>]*\bsrc=)[^>]*>/);
  await request(http.server).get('/api/docs/swagger-ui-bundle.js').expect(200);
  const init = await request(http.server).get('/api/docs/swagger-ui-init.js').expect(200);
  expect(init.text).toContain('createSchedule');
  await http.app.close();
});

describe('allowedMethods', () => {
  it.each([
    ['/api/v1/teams', ['POST', 'GET', 'HEAD']],
    ['/api/v1/teams/', ['POST', 'GET', 'HEAD']],
    ['/api/v1/teams/x', ['GET', 'HEAD', 'PATCH', 'DELETE']],
    ['/api/v1/runs/x/cancel', ['POST']],
    ['/api/openapi.json', ['GET', 'HEAD']],
    ['/api/v1/teams/x/y', []],
    ['/api/openapi-json', []],
  ])('knows %s', (path, methods) => {
    expect(allowedMethods(path)).toEqual(methods);
  });
});
