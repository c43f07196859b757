import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Response } from 'express';
import type { ProblemView } from '@crewtab/api-contract/problem';
import { AppError } from '@crewtab/domain/errors';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { HttpRequest } from './http-request';
import { RequestRefused, toProblem } from './problem';

/** Seconds after which it makes sense to try again when a service does not answer. */
const RETRY_AFTER_SECONDS = '2';

/** Turns whatever a handler, guard or middleware threw into an RFC 9457 problem. The last line: nothing gets past it. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(
    private readonly logger: Logger,
    /** Methods that a path knows; empty for an unknown path. */
    private readonly methodsOf: (path: string) => readonly string[],
  ) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.answer(thrown, http.getRequest<HttpRequest>(), http.getResponse<Response>());
  }

  answer(thrown: unknown, request: HttpRequest, response: Response): void {
    const error = this.translate(thrown, request);
    const problem = toProblem(error, request.requestId);
    if (problem.status >= 500) this.log(error, problem, request);
    if (response.headersSent) {
      response.destroy();
      return;
    }
    if (problem.status === 503) response.setHeader('Retry-After', RETRY_AFTER_SECONDS);
    if (error instanceof RequestRefused)
      for (const [name, value] of Object.entries(error.headers)) response.setHeader(name, value);
    sendProblem(response, problem);
  }

  /** A 5xx is the end of the line for its error, so it is logged here and only here. */
  private log(error: AppError, problem: ProblemView, request: HttpRequest): void {
    const fields = {
      requestId: request.requestId,
      method: request.method,
      path: request.path,
      status: problem.status,
      error,
    };
    if (problem.status === 503) this.logger.warn(fields, 'could not answer a request: a service is missing');
    else this.logger.error(fields, 'a request failed');
  }

  private translate(thrown: unknown, request: HttpRequest): AppError {
    if (thrown instanceof AppError) return thrown;
    if (thrown instanceof HttpException) return this.translateHttp(thrown, request);
    return new AppError('internal', thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown });
  }

  /** What Nest and Express throw by themselves: unknown routes, paths with broken percent-encoding. */
  private translateHttp(thrown: HttpException, request: HttpRequest): AppError {
    const status = thrown.getStatus();
    if (status === 404) return this.unknownRoute(request);
    if (status >= 400 && status < 500)
      return new RequestRefused('invalid_request', thrown.message, { errors: [], cause: thrown });
    return new AppError('internal', thrown.message, { cause: thrown });
  }

  private unknownRoute(request: HttpRequest): RequestRefused {
    const methods = this.methodsOf(request.path);
    if (methods.length === 0) return new RequestRefused('not_found', `there is nothing at ${request.path}`);
    const allow = methods.join(', ');
    return new RequestRefused('method_not_allowed', `${request.path} knows ${allow}, not ${request.method}`, {
      headers: { Allow: allow },
    });
  }
}

export function sendProblem(response: Response, problem: ProblemView): void {
  response.status(problem.status).type('application/problem+json').send(JSON.stringify(problem));
}
