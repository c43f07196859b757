import { z } from 'zod';
import type { ErrorCode } from '@crewtab/domain/errors';
import type { RuntimeKind } from '@crewtab/domain/runtimes';
import type { AgentPolicy } from '@crewtab/domain/teams/agent-policy';
import type { Preset } from '@crewtab/domain/teams/preset';

/** Where the REST API lives. */
export const API_PATH = '/api/v1';

/** The settings of an installation that its routes' schemas depend on. */
export interface ContractSettings {
  /** Decides whether agents need an image or a command. */
  readonly runtime: RuntimeKind;
  /** The only command that agents may have; null: any. */
  readonly onlyCommand: readonly string[] | null;
  /** What agents may ask for. */
  readonly agentPolicy: AgentPolicy;
  /** By name: agents may have these. */
  readonly presets: ReadonlyMap<string, Preset>;
  readonly defaultTimeoutMs: number;
  readonly maxTimeoutMs: number;
}

/** A schema, or how to make it from the settings. Take the schema itself through `schemaOf`. */
export type SchemaSource = z.ZodType | ((settings: ContractSettings) => z.ZodType);

/** A part of a path. Whatever its schema refuses is answered with 404: there is nothing of that name. */
export interface PathParam<T = unknown> {
  readonly schema: z.ZodType<T, string>;
  /** `team`: what the 404 says is not there. */
  readonly resource: string;
  /** Belongs to one organization, so that keys of another one get 404. */
  readonly isOwned: boolean;
}

/**
 * One method of one path: all that the API says of it stands here once. The controller's decorator, the check of input,
 * the role guard, the OpenAPI document, docs/api-routes.md, the tests of answers and the typed client read it.
 */
export interface Route {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** With `:id` for parameters. */
  readonly path: string;
  /** Unique; generated clients name their functions so. */
  readonly operationId: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** Who may ask: everybody without a key, every key, or only keys of admins. */
  readonly role: 'public' | 'member' | 'admin';
  /** The public route below the base path, which takes credentials in its body. */
  readonly opensSession?: true;
  readonly params?: Readonly<Record<string, PathParam>>;
  readonly query?: SchemaSource;
  readonly headers?: z.ZodObject;
  readonly body?: { readonly schema: SchemaSource; readonly isOptional?: boolean; readonly example?: unknown };
  readonly answer: Answer;
  /** Beyond those that follow from the rest; see `errorCodesOf`. */
  readonly errors?: readonly ErrorCode[];
}

export interface Answer {
  readonly status: 200 | 201 | 202 | 204;
  /** A part of it may be asked for with `Range`, and is answered with 206. */
  readonly isPartial?: true;
  readonly description: string;
  /** Of a JSON body. */
  readonly view?: z.ZodType;
  /** Of a stream of server-sent events: the data of each by the event's name. A client that may stop asking gets 204. */
  readonly events?: Readonly<Record<string, z.ZodType>>;
  /** Of everything else: one, or what a query chooses among. */
  readonly contentType?: string | readonly string[];
}

/** Only keeps the exact type of a route. */
export function defineRoute<const R extends Route>(route: R): R {
  return route;
}

export type Resolved<S> = S extends (settings: ContractSettings) => infer Schema ? Schema : S;

const made = new WeakMap<ContractSettings, Map<SchemaSource, z.ZodType>>();

/** Makes a schema at most once for the same settings object. */
export function schemaOf(source: SchemaSource, settings: ContractSettings): z.ZodType {
  if (typeof source !== 'function') return source;
  const ofSettings = made.get(settings) ?? new Map<SchemaSource, z.ZodType>();
  made.set(settings, ofSettings);
  const schema = ofSettings.get(source) ?? source(settings);
  ofSettings.set(source, schema);
  return schema;
}

/** A POST that is done with a key may be repeated with the same Idempotency-Key. */
export function isRepeatable(route: Route): boolean {
  return route.method === 'post' && route.role !== 'public';
}

/** Everything that a route may be refused with, but `internal`. */
export function errorCodesOf(route: Route): Set<ErrorCode> {
  if (route.role === 'public') return new Set(route.errors);
  const codes = new Set<ErrorCode>(['unauthorized', 'rate_limited', 'store_unreachable', ...(route.errors ?? [])]);
  // Everything but GET needs the token of a session that it comes with.
  if (route.role === 'admin' || route.method !== 'get') codes.add('forbidden');
  if (route.query ?? route.body ?? route.headers) codes.add('invalid_request');
  // A path whose percent-encoding is broken is no path.
  if (route.params) codes.add('not_found').add('invalid_request');
  if (route.body) codes.add('payload_too_large').add('unsupported_media_type');
  if (isRepeatable(route)) codes.add('idempotency_mismatch').add('idempotency_in_progress').add('invalid_request');
  return codes;
}

/** A page of a list. */
export function pageOf<V extends z.ZodType>(view: V) {
  return z.object({
    items: z.array(view),
    nextCursor: z
      .string()
      .nullable()
      .meta({ description: 'Pass it as `cursor` for the next page; null on the last one.' }),
  });
}

/** Which paths a route answers. */
export function patternOf(path: string): RegExp {
  const escaped = path.replace(/\/$/, '').replace(/[.]/g, '\\.').replace(/:\w+/g, '[^/]+');
  return new RegExp(`^${escaped}/?$`, 'i');
}
