import { z } from 'zod';
import { allRoutes } from '@crewtab/api-contract/all-routes';
import { httpStatusOf, problemView } from '@crewtab/api-contract/problem';
import {
  errorCodesOf,
  isRepeatable,
  schemaOf,
  type Answer,
  type ContractSettings,
  type Route,
} from '@crewtab/api-contract/route';
import { ERROR_CODES, type ErrorCode } from '@crewtab/domain/errors';

export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>>; readonly securitySchemes: object };
  readonly tags: readonly { readonly name: string }[];
}

type Settings = ContractSettings & { readonly version: string };

const INTRODUCTION = `Crewtab runs teams of AI agents on a schedule.

Send \`Authorization: Bearer <api key>\`. Instants are ISO 8601 in UTC, durations are Go durations (\`30m\`, \`1h30m\`).
Errors are \`application/problem+json\` (RFC 9457) with a stable \`code\`; for invalid input \`errors\` names every faulty field.
A POST with an \`Idempotency-Key\` may be repeated: the first answer is given again, with \`Idempotency-Replayed: true\`.`;

/** The contract of all routes as a document. */
export function buildOpenApiDocument(settings: Settings): OpenApiDocument {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of allRoutes) (paths[openApiPath(route.path)] ??= {})[route.method] = describe(route, settings);
  return {
    openapi: '3.1.0',
    info: { title: 'Crewtab', version: settings.version, description: INTRODUCTION },
    tags: [...new Set(allRoutes.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: namedSchemas(),
      securitySchemes: { apiKey: { type: 'http', scheme: 'bearer', description: 'An API key (ctk_…).' } },
    },
  };
}

function openApiPath(path: string): string {
  return path.replace(/:(\w+)/g, '{$1}');
}

function describe(route: Route, settings: Settings): object {
  return {
    operationId: route.operationId,
    tags: [route.tag],
    summary: route.summary,
    ...(route.description ? { description: route.description } : {}),
    security: route.role === 'public' ? [] : [{ apiKey: [] }],
    parameters: parametersOf(route, settings),
    ...(route.body ? { requestBody: describeBody(route.body, settings) } : {}),
    responses: { ...describeAnswer(route), ...describeErrors(route) },
  };
}

function parametersOf(route: Route, settings: Settings): object[] {
  const inPath = Object.entries(route.params ?? {}).map(([name, { schema }]) => ({
    name,
    in: 'path',
    required: true,
    schema: toSchema(schema),
  }));
  return [
    ...inPath,
    ...fieldsOf('query', route.query && schemaOf(route.query, settings)),
    ...fieldsOf('header', route.headers),
    ...(isRepeatable(route) ? [IDEMPOTENCY_KEY] : []),
  ];
}

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'Makes the request safe to repeat for 24 h: the same key and body give the same answer.',
  schema: { type: 'string', maxLength: 255 },
};

/** One parameter for each field of an object's schema. */
function fieldsOf(place: 'query' | 'header', object: z.ZodType | undefined): object[] {
  if (!object) return [];
  const { properties = {}, required = [] } = toSchema(object) as {
    properties?: Record<string, { description?: string }>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: place,
    required: required.includes(name),
    ...(description ? { description } : {}),
    schema,
  }));
}

function describeBody({ schema, isOptional, example }: NonNullable<Route['body']>, settings: Settings): object {
  const content = { schema: toSchema(schemaOf(schema, settings)), ...(example === undefined ? {} : { example }) };
  return { required: !isOptional, content: { 'application/json': content } };
}

function describeAnswer({ answer, method }: Route): object {
  const { status, description } = answer;
  const hasLocation = method === 'post' && (status === 201 || status === 202);
  const location = { description: 'Where the resource, or the run, is.', schema: { type: 'string' } };
  return {
    [status]: { description, ...(hasLocation ? { headers: { Location: location } } : {}), ...contentOf(answer) },
    ...(answer.isPartial && { 206: { description: 'The part of it that was asked for.', ...contentOf(answer) } }),
    ...(answer.events && { 204: { description: 'All was sent before: do not connect again.' } }),
  };
}

function contentOf({ view, events, contentType }: Answer): object {
  if (view) return { content: { 'application/json': { schema: toSchema(view) } } };
  if (events) {
    const data = Object.values(events).map(toSchema);
    return { content: { 'text/event-stream': { schema: { type: 'string' }, 'x-event-data': data } } };
  }
  const types = contentType === undefined ? [] : [contentType].flat();
  if (types.length === 0) return {};
  return {
    content: Object.fromEntries(
      types.map((name) => [name, { schema: { type: name === 'application/json' ? 'object' : 'string' } }]),
    ),
  };
}

/** Several codes can share a status. */
function describeErrors(route: Route): Record<string, object> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of errorCodesOf(route)) {
    const status = httpStatusOf(code);
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const content = { 'application/problem+json': { schema: toSchema(problemView) } };
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      { description: codes.map((code) => `\`${code}\`: ${ERROR_CODES[code]}`).join('\n\n'), content },
    ]),
  );
}

/** The schemas that have an `id` stand among the components, once; everything else refers to them. */
function namedSchemas(): Record<string, object> {
  const { schemas } = z.toJSONSchema(z.globalRegistry, { ...OPTIONS, uri: refOf });
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, withoutIdentity(schema)]));
}

function toSchema(schema: z.ZodType): object {
  const name = z.globalRegistry.get(schema)?.id;
  if (name !== undefined) return { $ref: refOf(name) };
  const { $defs: _, ...json } = withoutIdentity(z.toJSONSchema(schema, OPTIONS)) as { $defs?: object };
  return JSON.parse(JSON.stringify(json).replaceAll('"#/$defs/', '"#/components/schemas/')) as object;
}

/** What may be sent, or is answered: the input side of the schema. Zod's pattern for date-times helps no reader. */
const OPTIONS = {
  io: 'input',
  override: ({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }) => {
    if (jsonSchema.format === 'date-time') delete jsonSchema.pattern;
  },
} as const;

function refOf(name: string): string {
  return `#/components/schemas/${name}`;
}

function withoutIdentity({ $schema: _, $id: __, id: ___, ...schema }: z.core.JSONSchema.BaseSchema): object {
  return schema;
}
