import { Controller, Inject, Req, Res } from '@nestjs/common';
import type { Response } from 'express';
import {
  cancelRun,
  countRuns,
  exportRun,
  getDeployment,
  getMessage,
  getNeighbours,
  getOutline,
  getRun,
  listMessages,
  listRuns,
  readMessageText,
  rerunRun,
  searchMessages,
  streamRun,
  type DeploymentAnswer,
  type MessageView,
  type OutlineAnswer,
  type RunView,
} from '@crewtab/api-contract/run-routes';
import { getRunTimeline, type RunTimelineAnswer } from '@crewtab/api-contract/timeline-routes';
import { RUN_COUNT_LIMIT, type Run } from '@crewtab/domain/runs/run';
import { RequestLimits } from '../access/request-limits';
import { addressOf } from '../access/require-caller';
import { Route, type RouteAnswer, type RouteInput } from '../contract/route';
import { HTTP_DEPS, type HttpDeps } from '../http-deps';
import { found } from '../input/found';
import type { HttpRequest } from '../server/http-request';
import { RequestRefused } from '../server/problem';
import { RunEvents } from './run-events';
import { sendRunFile } from './run-file';
import { toDeploymentView, toMessageView, toNeighbourView, toRunFilter, toRunView, toTimelineView } from './run-view';
import { offerRun } from './start-run';

@Controller()
export class RunsController {
  constructor(
    @Inject(HTTP_DEPS) private readonly deps: Pick<HttpDeps, 'runs' | 'queue' | 'logger'>,
    private readonly events: RunEvents,
    private readonly limits: RequestLimits,
  ) {}

  @Route(listRuns)
  async list({ caller, query }: RouteInput<typeof listRuns>): Promise<RouteAnswer<typeof listRuns>> {
    const { limit, cursor, sort, ...filter } = query;
    const page = { limit, cursor, ...(sort && { sort }) };
    const { items, nextCursor } = await this.deps.runs.listRuns(caller.organizationId, toRunFilter(filter), page);
    return { items: items.map(toRunView), nextCursor };
  }

  /** Before `getRun`, which would take `counts` for an id. */
  @Route(countRuns)
  async count({ caller, query }: RouteInput<typeof countRuns>): Promise<RouteAnswer<typeof countRuns>> {
    const { byStatus, codes } = await this.deps.runs.countRuns(caller.organizationId, toRunFilter(query));
    return { byStatus, limit: RUN_COUNT_LIMIT, codes: [...codes] };
  }

  @Route(getRun)
  async get({ caller, params }: RouteInput<typeof getRun>): Promise<RunView> {
    return toRunView(found('run', await this.deps.runs.getRun(caller.organizationId, params.id)));
  }

  @Route(cancelRun)
  async cancel({ caller, params }: RouteInput<typeof cancelRun>): Promise<RunView> {
    const { run, wasTerminal } = found('run', await this.deps.runs.requestCancel(caller.organizationId, params.id));
    if (wasTerminal) throw new RequestRefused('conflict', `the run is over already: it ended as ${endOf(run)}`);
    return toRunView(run);
  }

  @Route(rerunRun)
  async rerun({ caller, params, idempotencyKey }: RouteInput<typeof rerunRun>): Promise<RunView> {
    const run = found('run', await this.deps.runs.createRerun(caller.organizationId, params.id, idempotencyKey));
    await offerRun(this.deps, run);
    return toRunView(run);
  }

  @Route(listMessages)
  async messages(input: RouteInput<typeof listMessages>): Promise<RouteAnswer<typeof listMessages>> {
    const { after, before, around, cursor, limit, view, agent, kind: kinds } = input.query;
    const { organizationId } = input.caller;
    const runId = input.params.id;
    if (view === 'joined') {
      const page = await this.deps.runs.listJoined(organizationId, runId, cursor ?? after ?? 0, limit);
      const { items, next } = found('run', page);
      return { items: items.map(toMessageView), nextCursor: next === null ? null : String(next) };
    }
    const narrowed = {
      contents: 'beginnings',
      ...(agent !== undefined && { agent }),
      ...(kinds && { kinds }),
    } as const;
    const { runs } = this.deps;
    if (before !== undefined) {
      const page = await runs.listMessagesBefore(organizationId, runId, cursor ?? before, { limit, ...narrowed });
      const { items, hasMore } = found('run', page);
      const [first] = items;
      return { items: items.map(toMessageView), nextCursor: hasMore && first ? String(first.seq) : null };
    }
    const half = Math.floor(limit / 2);
    const isAround = around !== undefined && cursor === undefined && half > 0;
    const earlier = isAround
      ? found('run', await runs.listMessagesBefore(organizationId, runId, around, { limit: half, ...narrowed })).items
      : [];
    const from = cursor ?? (around === undefined ? (after ?? 0) : Math.max(0, around - 1));
    const request = { limit: limit - earlier.length, ...narrowed };
    const { items, hasMore } = found('run', await runs.listMessages(organizationId, runId, from, request));
    const last = items.at(-1);
    return {
      items: [...earlier, ...items].map(toMessageView),
      nextCursor: hasMore && last ? String(last.seq) : null,
    };
  }

  @Route(searchMessages)
  async search(input: RouteInput<typeof searchMessages>): Promise<RouteAnswer<typeof searchMessages>> {
    const { q, after, cursor, limit } = input.query;
    const search = { text: q, after: cursor ?? after, limit };
    const hits = await this.deps.runs.searchMessages(input.caller.organizationId, input.params.id, search);
    const { items, next } = found('run', hits);
    return {
      items: items.map(({ at, ...hit }) => ({ ...hit, at: at.toISOString() })),
      nextCursor: next === null ? null : String(next),
    };
  }

  @Route(getOutline)
  async outline({ caller, params, query }: RouteInput<typeof getOutline>): Promise<OutlineAnswer> {
    const outline = await this.deps.runs.readOutline(caller.organizationId, params.id, query.after);
    const { lastSeq, columns, problems } = found('run', outline);
    return {
      lastSeq,
      columns: columns.map(({ from, to, ...column }) => ({
        ...column,
        from: from.toISOString(),
        to: to.toISOString(),
      })),
      problems: [...problems],
    };
  }

  @Route(getRunTimeline)
  async timeline({ caller, params }: RouteInput<typeof getRunTimeline>): Promise<RunTimelineAnswer> {
    return toTimelineView(found('run', await this.deps.runs.readTimeline(caller.organizationId, params.id)));
  }

  @Route(getMessage)
  async message({ caller, params }: RouteInput<typeof getMessage>): Promise<MessageView> {
    const message = await this.deps.runs.getMessage(caller.organizationId, params.id, params.seq);
    return toMessageView(found('message', message));
  }

  @Route(readMessageText)
  async messageText(input: RouteInput<typeof readMessageText>): Promise<RouteAnswer<typeof readMessageText>> {
    const { caller, params, query } = input;
    const read = await this.deps.runs.readMessageText(caller.organizationId, params.id, params.seq, query.offset);
    const { text, offset, length } = found('message', read);
    const end = offset + [...text].length;
    return { text, offset, length, nextOffset: end < length && end > offset ? end : null };
  }

  @Route(getNeighbours)
  async neighbours({ caller, params }: RouteInput<typeof getNeighbours>): Promise<RouteAnswer<typeof getNeighbours>> {
    const { previous, next, lastSuccess } = found(
      'run',
      await this.deps.runs.findNeighbours(caller.organizationId, params.id),
    );
    return {
      previous: toNeighbourView(previous),
      next: toNeighbourView(next),
      lastSuccess: toNeighbourView(lastSuccess),
    };
  }

  @Route(exportRun)
  async export({ caller, params, query }: RouteInput<typeof exportRun>, @Res() response: Response): Promise<void> {
    const { organizationId } = caller;
    const run = found('run', await this.deps.runs.getRun(organizationId, params.id));
    await sendRunFile(this.deps, { organizationId, run, format: query.format }, response);
  }

  /** Server-sent events. A browser that reconnects sends `Last-Event-ID` with the old URL, so the header wins over `after`. */
  @Route(streamRun)
  async live(
    { caller, params, query, headers }: RouteInput<typeof streamRun>,
    @Req() request: HttpRequest,
    @Res() response: Response,
  ): Promise<void> {
    const { organizationId } = caller;
    const resumed = headers['Last-Event-ID'];
    const run = found('run', await this.deps.runs.getRun(organizationId, params.id));
    if (resumed?.isEnd && run.phase === 'finished') {
      // What makes a browser's EventSource stop connecting again.
      response.status(204).end();
      return;
    }
    const after = resumed?.seq ?? query.after;
    const end = this.limits.openStream(caller.keyId, addressOf(request));
    try {
      await this.events.stream({ organizationId, runId: params.id, after }, response);
    } finally {
      end();
    }
  }

  @Route(getDeployment)
  async deployment({ caller, params }: RouteInput<typeof getDeployment>): Promise<DeploymentAnswer> {
    const deployment = await this.deps.runs.getDeployment(caller.organizationId, params.id);
    return toDeploymentView(found('deployment', deployment));
  }
}

/** A success is shown as `running` until its team is removed, but ends in nothing else that a person could ask for. */
function endOf({ status }: Run): string {
  return status === 'running' ? 'success, and is being torn down' : status;
}
