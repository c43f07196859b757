import { Body, Controller, Get, HttpCode, Inject, Param, Post, Req } from '@nestjs/common';
import type { z } from 'zod';
import type { ApiPrincipal } from '@crewtab/domain/ports/management-store';
import { API_PATH, HTTP_DEPS, type HttpDeps } from '../http-deps';
import { parseOptionalBody } from '../input/parse-input';
import type { HttpRequest } from '../server/http-request';
import { notFound, RequestRefused } from '../server/problem';
import { decommissionBody, type decommissionView, type systemView } from './system-schemas';
import { toSystemView } from './system-view';

/** What a host's id looks like; anything else is none of ours. */
const HOST_ID = /^[A-Za-z0-9_-]{1,200}$/;

/** For who runs the installation: it spans organizations, so admins only, and of runs it tells ids alone. */
@Controller(`${API_PATH}/system`)
export class SystemController {
  constructor(@Inject(HTTP_DEPS) private readonly deps: Pick<HttpDeps, 'hosts' | 'logger'>) {}

  @Get()
  async get(@Req() request: HttpRequest): Promise<z.input<typeof systemView>> {
    requireAdminKey(request);
    return toSystemView(await this.deps.hosts.readSystem());
  }

  @Post('hosts/:id/decommission')
  @HttpCode(200)
  async decommission(
    @Req() request: HttpRequest,
    @Param('id') id: string,
    @Body() body: unknown,
  ): Promise<z.input<typeof decommissionView>> {
    const { keyId } = requireAdminKey(request);
    const { note } = parseOptionalBody(decommissionBody, body);
    if (!HOST_ID.test(id)) throw notFound('host');
    const by = note === undefined ? `API key ${keyId}` : `API key ${keyId} (${note})`;
    const result = await this.deps.hosts.decommission(id, by);
    if (result.state === 'absent') throw notFound('host');
    if (result.state === 'alive') {
      const workers = result.workerIds.join(', ');
      throw new RequestRefused('conflict', `the host is not gone: its workers ${workers} are there; stop them first`);
    }
    const { givenUpRunIds } = result;
    this.deps.logger.warn({ host: id, by: result.by, givenUpRunIds }, 'host decommissioned; what it owed is given up');
    return {
      id,
      decommissionedAt: result.at.toISOString(),
      decommissionedBy: result.by,
      givenUpRunIds: [...givenUpRunIds],
    };
  }
}

function requireAdminKey({ principal }: HttpRequest): ApiPrincipal {
  if (!principal) throw new RequestRefused('unauthorized', 'an API key is needed');
  if (principal.role !== 'admin') throw new RequestRefused('forbidden', 'the system is for admin keys only');
  return principal;
}
