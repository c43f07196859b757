import { Controller, Get, Header, Inject, Req, Res } from '@nestjs/common';
import type { Response } from 'express';
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
  @Get('healthz')
  @Header('Cache-Control', 'no-store')
  live(): { status: 'ok'; version: string } {
    return { status: 'ok', version: this.deps.settings.version };
  }

  /** Everything that requests need is there. */
  @Get('readyz')
  async ready(@Req() request: HttpRequest, @Res() response: Response): Promise<void> {
    const { isReady, checks } = await checkReadiness(this.deps.readiness, this.deps.clock);
    response.setHeader('Cache-Control', 'no-store');
    if (isReady) {
      response.json({ status: 'ok', checks });
      return;
    }
    const failed = Object.keys(checks).filter((name) => checks[name] !== 'ok');
    const problem = toProblem(new RequestRefused('not_ready', `not ready: ${failed.join(', ')}`), request.requestId);
    sendProblem(response, { ...problem, checks });
  }

  @Get('metrics')
  async metrics(@Res() response: Response): Promise<void> {
    const text = await this.deps.metrics.text();
    response.set({ 'Content-Type': this.deps.metrics.contentType, 'Cache-Control': 'no-store' }).send(text);
  }
}
