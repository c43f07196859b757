import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import type { Observable } from 'rxjs';
import type { z } from 'zod';
import { schemaOf, type ContractSettings, type Route as Contract } from '@crewtab/api-contract/route';
import { toFieldErrors } from '../input/field-errors';
import type { HttpRequest } from '../server/http-request';
import { invalidInput, notFound } from '../server/problem';
import { contractOf, type RouteInput } from './route';

/**
 * Checks a request by the contract of its route, and refuses it with every fault at once. Stands behind the idempotency
 * interceptor, so that a refusal releases its key.
 */
export class RouteInputInterceptor implements NestInterceptor {
  constructor(private readonly settings: ContractSettings) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const contract = contractOf(context.getHandler());
    const request = context.switchToHttp().getRequest<HttpRequest>();
    if (contract) request.input = readInput(contract, request, this.settings);
    return next.handle();
  }
}

function readInput(contract: Contract, request: HttpRequest, settings: ContractSettings): RouteInput<Contract> {
  const params = readParams(contract, request);
  const fields = new Fields();
  const input = {
    params,
    query: fields.read(contract.query && schemaOf(contract.query, settings), request.query),
    headers: fields.read(contract.headers, headersOf(contract, request)),
    body: fields.read(contract.body && schemaOf(contract.body.schema, settings), bodyOf(contract, request)),
    caller: request.principal ?? null,
    idempotencyKey: request.get('idempotency-key'),
    reservedId: request.resourceId,
  };
  fields.refuseFaults();
  return input as RouteInput<Contract>;
}

/** What cannot be a name of such a resource names none. */
function readParams(contract: Contract, request: HttpRequest): Record<string, unknown> {
  const values = Object.entries(contract.params ?? {}).map(([name, { schema, resource }]) => {
    const parsed = schema.safeParse(request.params[name]);
    if (!parsed.success) throw notFound(resource);
    return [name, parsed.data] as const;
  });
  return Object.fromEntries(values);
}

/** An empty header is as good as none. */
function headersOf({ headers }: Contract, request: HttpRequest): Record<string, string | undefined> {
  return Object.fromEntries(Object.keys(headers?.shape ?? {}).map((name) => [name, request.get(name) || undefined]));
}

function bodyOf({ body }: Contract, request: HttpRequest): unknown {
  const sent = request.body as unknown;
  return body?.isOptional ? (sent ?? {}) : sent;
}

/** Reads the parts of a request, and keeps their faults until all of them were read. */
class Fields {
  private readonly issues: z.core.$ZodIssue[] = [];

  read(schema: z.ZodType | undefined, value: unknown): unknown {
    if (!schema) return undefined;
    const parsed = schema.safeParse(value, { reportInput: true });
    if (!parsed.success) this.issues.push(...parsed.error.issues);
    return parsed.data;
  }

  /** @throws RequestRefused invalid_request */
  refuseFaults(): void {
    if (this.issues.length > 0) throw invalidInput(toFieldErrors(this.issues));
  }
}
