import type { ProblemView } from '@crewtab/api-contract/problem';

/** The API refused a request, or could not answer it. */
export class ApiProblem extends Error {
  /** Null when what stands in between answered: a proxy. */
  readonly code: ProblemView['code'] | null;
  /** Of invalid input: every faulty field. */
  readonly errors: NonNullable<ProblemView['errors']>;
  /** Of `edited_meanwhile`: what changed since. */
  readonly edited: ProblemView['edited'] | null;
  readonly requestId: string | null;

  constructor(
    /** `GET /runs/:id` */
    readonly route: string,
    readonly status: number,
    { code, detail, title, errors, edited, requestId }: Partial<ProblemView>,
    /** When it makes sense to ask again; null: not, or not known. */
    readonly retryAfterMs: number | null,
  ) {
    super(detail ?? title ?? `${route} was answered with ${status}`);
    this.name = 'ApiProblem';
    this.code = code ?? null;
    this.errors = errors ?? [];
    this.edited = edited ?? null;
    this.requestId = requestId ?? null;
  }
}
