import { Controller, Header, Inject, Req, Res } from '@nestjs/common';
import type { Response } from 'express';
import { getHealth, getMetrics, getReadiness } from '@crewtab/api-contract/service-routes';
import { MetricsPage } from '@crewtab/observability/metrics-page';
import { Route, type RouteAnswer, type RouteInput } from '../contract/route';
import { HTTP_DEPS, type HttpDeps } from '../http-deps';
import type { HttpRequest } from '../server/http-request';
import { RequestRefused, toProblem } from '../server/problem';
import { sendProblem } from '../server/problem-filter';
import { ReadinessProbe } from './check-readiness';

type HealthDeps = Pick<HttpDeps, 'readiness' | 'clock' | 'logger' | 'metrics' | 'protection' | 'settings'>;

/** For machines that look after this process. Without an API key, since they hold none; nothing here is secret. */
@Controller()
export class HealthController {
  private readonly readiness: ReadinessProbe;
  private readonly page: MetricsPage;
  private isOpenPageSaid = false;

  constructor(@Inject(HTTP_DEPS) private readonly deps: HealthDeps) {
    const { metrics, clock, protection } = deps;
    this.readiness = new ReadinessProbe(deps);
    this.page = new MetricsPage(metrics, protection.metricsKey, () => clock.monotonicMs());
  }

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
    const { isReady, checks } = await this.readiness.ask();
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
  async metrics(
    _input: RouteInput<typeof getMetrics>,
    @Req() request: HttpRequest,
    @Res() response: Response,
  ): Promise<void> {
    if (!this.page.admits(request.get('authorization'))) {
      const headers = { 'WWW-Authenticate': 'Bearer realm="crewtab metrics"' };
      throw new RequestRefused('unauthorized', 'send METRICS_KEY as a bearer token', { headers });
    }
    if (this.page.isOpen) this.sayThatItIsOpen();
    const text = await this.page.read();
    response.set({ 'Content-Type': this.page.contentType, 'Cache-Control': 'no-store' }).send(text);
  }

  private sayThatItIsOpen(): void {
    if (this.isOpenPageSaid) return;
    this.isOpenPageSaid = true;
    this.deps.logger.warn({}, '/metrics is read without a key: set METRICS_KEY, which the next version will ask for');
  }
}
