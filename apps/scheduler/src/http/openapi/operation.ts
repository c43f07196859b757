import type { z } from 'zod';
import type { ErrorCode } from '@crewtab/domain/errors';

/** One method of one path, as the OpenAPI document describes it. Sits beside the controller that answers it. */
export interface Operation {
  readonly method: 'get' | 'post' | 'patch' | 'delete';
  /** With `{id}` for parameters. */
  readonly path: string;
  /** Unique; generated clients name their functions so. */
  readonly id: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly query?: z.ZodType;
  readonly body?: { readonly schema: z.ZodType; readonly isOptional?: boolean; readonly example?: unknown };
  readonly answer: Answer;
  /** Beyond those that every operation has. */
  readonly errors?: readonly ErrorCode[];
  /** Needs no API key. */
  readonly isPublic?: boolean;
  readonly headers?: readonly { readonly name: string; readonly description: string }[];
}

export interface Answer {
  readonly status: 200 | 201 | 202 | 204;
  readonly description: string;
  /** A schema of the document's components, one or a page of them. */
  readonly schema?: { readonly ref: string } | { readonly pageOf: string };
  /** For what is not JSON. */
  readonly contentType?: string;
}
