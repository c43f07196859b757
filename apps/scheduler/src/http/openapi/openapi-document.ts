import { z } from 'zod';
import { ERROR_CODES, type ErrorCode } from '@crewtab/domain/errors';
import { configView } from '../config/config-controller';
import { deploymentView } from '../deployments/deployment-schemas';
import type { HttpSettings } from '../http-deps';
import { RUN_OPERATIONS } from '../runs/run-operations';
import { messageView, runView } from '../runs/run-schemas';
import { scheduleOperations } from '../schedules/schedule-operations';
import { occurrencesView, scheduleView } from '../schedules/schedule-schemas';
import { httpStatusOf } from '../server/problem';
import { SYSTEM_OPERATIONS } from '../system/system-operations';
import { decommissionView, systemView } from '../system/system-schemas';
import { teamOperations } from '../teams/team-operations';
import { teamView } from '../teams/team-schemas';
import type { Answer, Operation } from './operation';
import { OTHER_OPERATIONS } from './other-operations';

export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>>; readonly securitySchemes: object };
  readonly tags: readonly { readonly name: string }[];
}

const INTRODUCTION = `Crewtab runs crews of AI agents on a schedule.

Send \`Authorization: Bearer <api key>\`. Instants are ISO 8601 in UTC, durations are Go durations (\`30m\`, \`1h30m\`).
Errors are \`application/problem+json\` (RFC 9457) with a stable \`code\`; for invalid input \`errors\` names every faulty field.
A POST with an \`Idempotency-Key\` may be repeated: the first answer is given again, with \`Idempotency-Replayed: true\`.`;

const problemView = z.object({
  type: z.string().meta({ examples: ['urn:crewtab:error:invalid_request'] }),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.enum(Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]]),
  errors: z
    .array(z.object({ path: z.string().meta({ examples: ['agents.0.name'] }), message: z.string() }))
    .optional()
    .meta({ description: 'For invalid input: every faulty field.' }),
  requestId: z.string().optional(),
});

/** The views of the API by their names in the document. */
export const VIEWS = {
  Team: teamView,
  Schedule: scheduleView,
  Occurrences: occurrencesView,
  ScheduleRun: runView,
  Message: messageView,
  TeamDeployment: deploymentView,
  Config: configView,
  System: systemView,
  Decommission: decommissionView,
  Health: z.object({ status: z.literal('ok'), version: z.string() }),
  Readiness: z.object({ status: z.literal('ok'), checks: z.record(z.string(), z.string()) }),
  Problem: problemView,
} as const satisfies Record<string, z.ZodType>;

export function allOperations(settings: HttpSettings): Operation[] {
  return [
    ...teamOperations(settings.runtime),
    ...scheduleOperations(settings),
    ...RUN_OPERATIONS,
    ...SYSTEM_OPERATIONS,
    ...OTHER_OPERATIONS,
  ];
}

/** The API in full, made from the very schemas that check requests. */
export function buildOpenApiDocument(settings: HttpSettings): OpenApiDocument {
  const operations = allOperations(settings);
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of operations) (paths[operation.path] ??= {})[operation.method] = describe(operation);
  return {
    openapi: '3.1.0',
    info: { title: 'Crewtab', version: settings.version, description: INTRODUCTION },
    tags: [...new Set(operations.map((operation) => operation.tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(VIEWS).map(([name, view]) => [name, toSchema(view)])),
      securitySchemes: { apiKey: { type: 'http', scheme: 'bearer', description: 'An API key (ctk_…).' } },
    },
  };
}

function describe(operation: Operation): object {
  return {
    operationId: operation.id,
    tags: [operation.tag],
    summary: operation.summary,
    ...(operation.description ? { description: operation.description } : {}),
    ...(operation.isPublic ? { security: [] } : { security: [{ apiKey: [] }] }),
    parameters: parametersOf(operation),
    ...(operation.body ? { requestBody: describeBody(operation.body) } : {}),
    responses: { [operation.answer.status]: describeAnswer(operation), ...describeErrors(operation) },
  };
}

function parametersOf(operation: Operation): object[] {
  const inPath = [...operation.path.matchAll(/\{(\w+)\}/g)].map((match) => ({
    name: match[1],
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  const headers = (operation.headers ?? []).map(({ name, description }) => ({
    name,
    in: 'header',
    required: false,
    description,
    schema: { type: 'string' },
  }));
  const idempotency = operation.method === 'post' ? [IDEMPOTENCY_KEY] : [];
  return [...inPath, ...queryParametersOf(operation), ...headers, ...idempotency];
}

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'Makes the request safe to repeat for 24 h: the same key and body give the same answer.',
  schema: { type: 'string', maxLength: 255 },
};

function queryParametersOf(operation: Operation): object[] {
  if (!operation.query) return [];
  const { properties = {}, required = [] } = toSchema(operation.query) as {
    properties?: Record<string, { description?: string }>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    ...(description ? { description } : {}),
    schema,
  }));
}

function describeBody({ schema, isOptional, example }: NonNullable<Operation['body']>): object {
  return {
    required: !isOptional,
    content: { 'application/json': { schema: toSchema(schema), ...(example === undefined ? {} : { example }) } },
  };
}

function describeAnswer({ answer, method }: Operation): object {
  const location = method === 'post' && (answer.status === 201 || answer.status === 202);
  return {
    description: answer.description,
    ...(location
      ? { headers: { Location: { description: 'Where the thing, or the run, is.', schema: { type: 'string' } } } }
      : {}),
    ...contentOf(answer),
  };
}

function contentOf({ schema, contentType }: Answer): object {
  if (contentType)
    return {
      content: { [contentType]: { schema: { type: contentType === 'application/json' ? 'object' : 'string' } } },
    };
  if (!schema) return {};
  return { content: { 'application/json': { schema: 'ref' in schema ? ref(schema.ref) : pageSchema(schema.pageOf) } } };
}

function pageSchema(of: string): object {
  return {
    type: 'object',
    required: ['items', 'nextCursor'],
    properties: {
      items: { type: 'array', items: ref(of) },
      nextCursor: {
        type: ['string', 'null'],
        description: 'Pass it as `cursor` for the next page; null on the last one.',
      },
    },
  };
}

/** Several codes can share a status. */
function describeErrors(operation: Operation): Record<string, object> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of errorCodesOf(operation)) {
    const status = httpStatusOf(code);
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      {
        description: codes.map((code) => `\`${code}\`: ${ERROR_CODES[code]}`).join('\n\n'),
        content: { 'application/problem+json': { schema: ref('Problem') } },
      },
    ]),
  );
}

function errorCodesOf(operation: Operation): Set<ErrorCode> {
  if (operation.isPublic) return new Set(operation.errors);
  const codes = new Set<ErrorCode>(['unauthorized', 'store_unreachable', ...(operation.errors ?? [])]);
  if (operation.query ?? operation.body) codes.add('invalid_request');
  if (operation.path.includes('{')) codes.add('not_found');
  if (operation.body) codes.add('payload_too_large').add('unsupported_media_type');
  if (operation.method === 'post') codes.add('idempotency_mismatch').add('idempotency_in_progress');
  return codes;
}

function ref(name: string): object {
  return { $ref: `#/components/schemas/${name}` };
}

/** What may be sent, or is answered: the input side of the schema. Zod's pattern for date-times helps no reader. */
function toSchema(schema: z.ZodType): object {
  const { $schema: _, ...json } = z.toJSONSchema(schema, {
    io: 'input',
    override: ({ jsonSchema }) => {
      if (jsonSchema.format === 'date-time') delete jsonSchema.pattern;
    },
  });
  return json;
}
