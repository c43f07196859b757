import { createParamDecorator, HttpCode, RequestMapping, RequestMethod, type ExecutionContext } from '@nestjs/common';
import type { z } from 'zod';
import type { Resolved, Route as Contract } from '@crewtab/api-contract/route';
import type { ApiPrincipal } from '@crewtab/domain/ports/management-store';
import type { HttpRequest } from '../server/http-request';

/** What a handler is given: everything that its contract names, checked and translated. */
export interface RouteInput<C extends Contract> {
  readonly params: C extends { params: infer P } ? { readonly [K in keyof P]: PathValue<P[K]> } : Nothing;
  readonly query: C extends { query: infer S } ? Output<S> : Nothing;
  readonly headers: C extends { headers: infer S } ? Output<S> : Nothing;
  readonly body: C extends { body: { schema: infer S } } ? Output<S> : undefined;
  /** Whose key it is; null where none is needed. */
  readonly caller: C['role'] extends 'public' ? null : ApiPrincipal;
  /** The Idempotency-Key. */
  readonly idempotencyKey: string | undefined;
  /** What the resource is to be called that the request makes: each attempt with the same Idempotency-Key has the same one. */
  readonly reservedId: string | undefined;
}

/** What a handler answers. */
export type RouteAnswer<C extends Contract> = C['answer'] extends { view: infer View extends z.ZodType }
  ? z.input<View>
  : C['answer'] extends { contentType: string | readonly string[] }
    ? string
    : void;

type Nothing = Readonly<Record<never, never>>;
type Output<S> = Resolved<S> extends infer Schema extends z.ZodType ? z.output<Schema> : never;
type PathValue<P> = P extends { schema: z.ZodType<infer T> } ? T : never;
/** A handler with more parameters takes Nest's `@Req()` or `@Res()` there, and answers by itself. */
type Handler<C extends Contract> = (
  input: RouteInput<C>,
  ...rest: never[]
) => RouteAnswer<C> | Promise<RouteAnswer<C>> | Promise<void>;

const CONTRACT = Symbol('CONTRACT');

const METHODS = {
  get: RequestMethod.GET,
  post: RequestMethod.POST,
  put: RequestMethod.PUT,
  patch: RequestMethod.PATCH,
  delete: RequestMethod.DELETE,
} as const;

/** Makes a method the handler of a route: its method, path, status, role and input come from the contract. */
export function Route<C extends Contract>(contract: C) {
  return <H extends Handler<C>>(target: object, name: string, descriptor: TypedPropertyDescriptor<H>): void => {
    const decorators = [
      RequestMapping({ method: METHODS[contract.method], path: contract.path }),
      HttpCode(contract.answer.status),
    ];
    for (const decorate of decorators) decorate(target, name, descriptor);
    Input()(target, name, 0);
    Reflect.defineMetadata(CONTRACT, contract, descriptor.value as object);
  };
}

/** The contract of a handler; undefined for a method that is none. */
export function contractOf(handler: object): Contract | undefined {
  return Reflect.getMetadata(CONTRACT, handler) as Contract | undefined;
}

const Input = createParamDecorator((_: unknown, context: ExecutionContext) => {
  return context.switchToHttp().getRequest<HttpRequest>().input;
});
