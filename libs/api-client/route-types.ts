import type { z } from 'zod';
import type { allRoutes } from '@crewtab/api-contract/all-routes';
import type { Resolved, Route } from '@crewtab/api-contract/route';

/** All routes below the API's base path, by their names: `GET /runs/:id`. */
export type Routes = {
  readonly [R in (typeof allRoutes)[number] as NameOf<R>]: R;
};
export type RouteName = keyof Routes;

/** Routes that answer with server-sent events. */
export type StreamName = {
  [N in RouteName]: Routes[N]['answer'] extends { events: unknown } ? N : never;
}[RouteName];

type NameOf<R extends Route> = R['path'] extends `/api/v1${infer Path}` ? `${Uppercase<R['method']>} ${Path}` : never;

/** What a route is asked with: only what its contract names, optional where it may be left out. */
export type RequestOf<R> = PartOf<'params', ParamsOf<R>> & PartOf<'query', QueryOf<R>> & BodyPartOf<R>;

/** The body of a request, which the client only reads. */
export type BodyOf<N extends RouteName> = Routes[N] extends { body: { schema: infer S } } ? Sent<Input<S>> : never;

type PartOf<Name extends string, Fields> = keyof Fields extends never
  ? { readonly [N in Name]?: undefined }
  : Partial<Fields> extends Fields
    ? { readonly [N in Name]?: Fields }
    : { readonly [N in Name]: Fields };
type BodyPartOf<R> = R extends { body: { isOptional: true; schema: infer S } }
  ? { readonly body?: Sent<Input<S>> }
  : R extends { body: { schema: infer S } }
    ? { readonly body: Sent<Input<S>> }
    : { readonly body?: undefined };

type ParamsOf<R> = R extends { params: infer P } ? { readonly [K in keyof P]: string } : Readonly<Record<never, never>>;
type QueryOf<R> = R extends { query: infer S } ? Written<Input<S>> : Readonly<Record<never, never>>;
/** A query is text; what becomes it may be given. */
type Written<Fields> = { readonly [K in keyof Fields]: Writable<Fields[K]> };
type Writable<T> = T extends 'true' | 'false'
  ? T | boolean
  : T extends string
    ? string extends T
      ? T | number
      : T
    : T;
type Sent<T> = T extends object ? { readonly [K in keyof T]: Sent<T[K]> } : T;
type Input<S> = Resolved<S> extends infer Schema extends z.ZodType ? z.input<Schema> : never;

/** What a route answers: the JSON of its view; nothing where it has none. */
export type AnswerOf<R> = R extends { answer: { view: infer View extends z.ZodType } } ? z.input<View> : undefined;

/** An event of a route's stream: which one says what its data is. */
export type EventOf<R> = R extends { answer: { events: infer Events } }
  ? {
      [Name in keyof Events]: {
        readonly id: string | null;
        readonly event: Name;
        readonly data: Events[Name] extends z.ZodType ? z.input<Events[Name]> : never;
      };
    }[keyof Events]
  : never;
