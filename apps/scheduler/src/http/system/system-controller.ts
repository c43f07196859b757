import { Controller, Inject } from '@nestjs/common';
import { decommissionHost, getSystem, type SystemAnswer } from '@crewtab/api-contract/system-routes';
import { Route, type RouteAnswer, type RouteInput } from '../contract/route';
import { HTTP_DEPS, type HttpDeps } from '../http-deps';
import { notFound, RequestRefused } from '../server/problem';
import { toSystemView } from './system-view';

/** For the operators of the installation: it spans organizations, so admins only, and of runs it tells ids alone. */
@Controller()
export class SystemController {
  constructor(@Inject(HTTP_DEPS) private readonly deps: Pick<HttpDeps, 'hosts' | 'logger'>) {}

  @Route(getSystem)
  async get(): Promise<SystemAnswer> {
    return toSystemView(await this.deps.hosts.readSystem());
  }

  @Route(decommissionHost)
  async decommission({
    caller,
    params: { id },
    body: { note },
  }: RouteInput<typeof decommissionHost>): Promise<RouteAnswer<typeof decommissionHost>> {
    const by = note === undefined ? `API key ${caller.keyId}` : `API key ${caller.keyId} (${note})`;
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
