import { Controller, Inject } from '@nestjs/common';
import { formatEventCursor } from '@crewtab/api-contract/event-routes';
import { isResourceId } from '@crewtab/api-contract/fields';
import {
  acknowledgeRun,
  getOverview,
  searchEverything,
  type OverviewAnswer,
} from '@crewtab/api-contract/overview-routes';
import type { Found, Overview, OverviewRun } from '@crewtab/domain/ports/overview-store';
import type { Run } from '@crewtab/domain/runs/run';
import { Route, type RouteAnswer, type RouteInput } from '../contract/route';
import { HTTP_DEPS, type HttpDeps } from '../http-deps';
import { found } from '../input/found';
import { toUsedView } from '../runs/run-view';
import { RequestRefused } from '../server/problem';
import { toSum } from '../usage/usage-controller';

const DAY_MS = 86_400_000;

/** The first page of a browser, in one answer. */
@Controller()
export class OverviewController {
  constructor(@Inject(HTTP_DEPS) private readonly deps: Pick<HttpDeps, 'overview' | 'runs' | 'events' | 'clock'>) {}

  @Route(getOverview)
  async get({ caller, query }: RouteInput<typeof getOverview>): Promise<OverviewAnswer> {
    const since = query.since ?? new Date(this.deps.clock.now().getTime() - DAY_MS);
    // The position first: what happens while the rest is read is told again, and never missed.
    const end = await this.deps.events.end();
    const overview = await this.deps.overview.readOverview(caller.organizationId, since);
    return toOverviewView(overview, since, formatEventCursor(end));
  }

  @Route(searchEverything)
  async search({ caller, query }: RouteInput<typeof searchEverything>): Promise<RouteAnswer<typeof searchEverything>> {
    const { organizationId } = caller;
    const text = query.q.trim();
    const [found, run] = await Promise.all([
      this.deps.overview.search(organizationId, text),
      isResourceId(text) ? this.deps.runs.getRun(organizationId, text.toLowerCase()) : null,
    ]);
    const runs = run ? [{ ...pick(run), scheduledFor: run.scheduledFor.toISOString() }] : [];
    return { schedules: found.schedules.map(copy), teams: found.teams.map(copy), runs };
  }

  @Route(acknowledgeRun)
  async acknowledge(input: RouteInput<typeof acknowledgeRun>): Promise<RouteAnswer<typeof acknowledgeRun>> {
    const { caller, params, body } = input;
    const { organizationId, keyId } = caller;
    const done = found(
      'run',
      await this.deps.overview.acknowledge(organizationId, params.id, keyId, body.note ?? null),
    );
    if (done === 'open') throw new RequestRefused('conflict', 'the run is not over: there is no end to acknowledge');
    return { runId: params.id, at: done.at.toISOString(), by: done.by, note: done.note };
  }
}

function pick({ id, scheduleId, status }: Run) {
  return { id, scheduleId, status };
}

function copy({ id, name }: Found): Found {
  return { id, name };
}

function toOverviewView(overview: Overview, since: Date, cursor: string): OverviewAnswer {
  const { digest } = overview;
  return {
    at: overview.at.toISOString(),
    needsPerson: overview.needsPerson.map(toRunView),
    faults: overview.faults.map((fault) => ({ ...fault, since: fault.since.toISOString() })),
    active: overview.active.map(toRunView),
    due: overview.due.map((due) => ({ ...due, at: due.at.toISOString() })),
    digest: {
      since: since.toISOString(),
      counts: { ...digest.counts },
      isComplete: digest.isComplete,
      usage: toSum(digest.usage),
      runs: digest.runs.map(toRunView),
    },
    health: { ...overview.health },
    cursor,
  };
}

function toRunView(run: OverviewRun): OverviewAnswer['active'][number] {
  return {
    ...run,
    scheduledFor: run.scheduledFor.toISOString(),
    startedAt: run.startedAt?.toISOString() ?? null,
    deadlineAt: run.deadlineAt?.toISOString() ?? null,
    finishedAt: run.finishedAt?.toISOString() ?? null,
    usage: run.usage && toUsedView(run.usage),
    error: run.error && { code: run.error.code, message: run.error.message },
    lastWords: run.lastWords && { ...run.lastWords, at: run.lastWords.at.toISOString() },
  };
}
