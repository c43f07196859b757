import { Controller, Header, Inject, Req, Res } from '@nestjs/common';
import type { Response } from 'express';
import { getHealth, getMetrics, getReadiness } from '@crewtab/api-contract/service-routes';
import { Route, type RouteAnswer, type RouteInput } from '../contract/route';
import { HTTP_DEPS, type HttpDeps } from '../http-deps';
import type { HttpRequest } from '../server/http-request';
import { RequestRefused, toProblem } from '../server/problem';
import { sendProblem } from '../server/problem-filter';
import { checkReadiness } from './check-readiness';

/** For machines that look after this process. Without authentication, since they hold no key; nothing here is secret. */
@Controller()
export class HealthController {
  constructor(
    @Inject(HTTP_DEPS) private readonly deps: Pick<HttpDeps, 'readiness' | 'clock' | 'metrics' | 'settings'>,
  ) {}

  /** The process answers: that is all it says. */
  @Route(getHealth)
  @Header('Cache-Control', 'no-store')
  live(): RouteAnswer<typeof getHealth> {
    return { status: 'ok', version: this.deps.settings.version };
  }

  /** Everything that requests need is there. */
  @Route(getReadiness)
  async ready(
    _input: RouteInput<typeof getReadiness>,
    @Req() request: HttpRequest,
    @Res() response: Response,
  ): Promise<void> {
    const { isReady, checks } = await checkReadiness(this.deps.readiness, this.deps.clock);
    response.setHeader('Cache-Control', 'no-store');
    if (isReady) {
      response.json({ status: 'ok', checks } satisfies RouteAnswer<typeof getReadiness>);
      return;
    }
    const failed = Object.keys(checks).filter((name) => checks[name] !== 'ok');
    const problem = toProblem(new RequestRefused('not_ready', `not ready: ${failed.join(', ')}`), request.requestId);
    sendProblem(response, { ...problem, checks });
  }

  @Route(getMetrics)
  async metrics(_input: RouteInput<typeof getMetrics>, @Res() response: Response): Promise<void> {
    const text = await this.deps.metrics.text();
    response.set({ 'Content-Type': this.deps.metrics.contentType, 'Cache-Control': 'no-store' }).send(text);
  }
}
