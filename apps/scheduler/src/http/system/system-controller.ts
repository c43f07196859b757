import { Controller, Inject } from '@nestjs/common';
import { decommissionHost, getSystem, type SystemAnswer } from '@crewtab/api-contract/system-routes';
import { Route, type RouteAnswer, type RouteInput } from '../contract/route';
import { HTTP_DEPS, type HttpDeps, type QueueJobs } from '../http-deps';
import { notFound, RequestRefused } from '../server/problem';
import { toSystemView } from './system-view';

/** How long the queues may keep the answer waiting, ms. */
const QUEUE_LIMIT_MS = 1_000;

/** For the operators of the installation: it spans organizations, so admins only, and of runs it tells ids alone. */
@Controller()
export class SystemController {
  constructor(
    @Inject(HTTP_DEPS)
    private readonly deps: Pick<HttpDeps, 'hosts' | 'logger' | 'clock' | 'countJobs' | 'settingsInForce'>,
  ) {}

  @Route(getSystem)
  async get(): Promise<SystemAnswer> {
    const [system, queues] = await Promise.all([this.deps.hosts.readSystem(), this.countJobs()]);
    return toSystemView(system, queues, this.deps.settingsInForce);
  }

  /** Null when Redis does not answer soon: the rest of the page does not wait for it. */
  private countJobs(): Promise<readonly QueueJobs[] | null> {
    return new Promise((answer) => {
      const cancel = this.deps.clock.after(QUEUE_LIMIT_MS, () => answer(null));
      void this.deps
        .countJobs()
        .catch(() => null)
        .then(answer)
        .finally(cancel);
    });
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
