import { Body, Controller, Get, Headers, HttpCode, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { Run } from '@crewtab/domain/runs/run';
import type { Response } from 'express';
import { OrganizationId } from '../access/organization-id';
import { API_PATH, HTTP_DEPS, type HttpDeps } from '../http-deps';
import { toPageView } from '../input/page-query';
import { parseInput, parseOptionalBody } from '../input/parse-input';
import { found, resourceId } from '../input/resource-id';
import type { HttpRequest } from '../server/http-request';
import { RequestRefused } from '../server/problem';
import { RunEvents } from './run-events';
import { emptyBody, eventsQuery, lastEventId, messageListQuery, runListQuery } from './run-schemas';
import { toMessageView, toRunView, type RunView } from './run-view';
import { offerRun } from './start-run';

@Controller(`${API_PATH}/runs`)
export class RunsController {
  constructor(
    @Inject(HTTP_DEPS) private readonly deps: Pick<HttpDeps, 'runs' | 'queue' | 'logger'>,
    private readonly events: RunEvents,
  ) {}

  @Get()
  async list(@OrganizationId() organizationId: string, @Query() query: unknown) {
    const { limit, cursor, ...filter } = parseInput(runListQuery, query);
    return toPageView(await this.deps.runs.listRuns(organizationId, filter, { limit, cursor }), toRunView);
  }

  @Get(':id')
  async get(@OrganizationId() organizationId: string, @Param('id') id: string): Promise<RunView> {
    return toRunView(found('run', await this.deps.runs.getRun(organizationId, resourceId('run', id))));
  }

  @Post(':id/cancel')
  @HttpCode(202)
  async cancel(
    @OrganizationId() organizationId: string,
    @Param('id') id: string,
    @Body() body: unknown,
  ): Promise<RunView> {
    const runId = resourceId('run', id);
    parseOptionalBody(emptyBody, body);
    const { run, wasTerminal } = found('run', await this.deps.runs.requestCancel(organizationId, runId));
    if (wasTerminal) throw new RequestRefused('conflict', `the run is over already: it ended as ${endOf(run)}`);
    return toRunView(run);
  }

  @Post(':id/rerun')
  @HttpCode(202)
  async rerun(
    @OrganizationId() organizationId: string,
    @Param('id') id: string,
    @Body() body: unknown,
    @Headers('idempotency-key') requestKey?: string,
  ): Promise<RunView> {
    const runId = resourceId('run', id);
    parseOptionalBody(emptyBody, body);
    const run = found('run', await this.deps.runs.createRerun(organizationId, runId, requestKey));
    await offerRun(this.deps, run);
    return toRunView(run);
  }

  @Get(':id/messages')
  async messages(@OrganizationId() organizationId: string, @Param('id') id: string, @Query() query: unknown) {
    const runId = resourceId('run', id);
    const { after, cursor, limit } = parseInput(messageListQuery, query);
    const messages = found(
      'run',
      await this.deps.runs.listMessages(organizationId, runId, cursor ?? after ?? 0, limit + 1),
    );
    const items = messages.slice(0, limit);
    const last = items.at(-1);
    return { items: items.map(toMessageView), nextCursor: messages.length > limit && last ? String(last.seq) : null };
  }

  /** Server-sent events. A browser that reconnects sends `Last-Event-ID` with the old URL, so the header wins over `after`. */
  @Get(':id/events')
  async live(
    @OrganizationId() organizationId: string,
    @Param('id') id: string,
    @Query() query: unknown,
    @Req() request: HttpRequest,
    @Res() response: Response,
  ): Promise<void> {
    const runId = resourceId('run', id);
    const { after } = parseInput(eventsQuery, query);
    const resumed = parseInput(lastEventId, { 'Last-Event-ID': request.get('last-event-id') || undefined })[
      'Last-Event-ID'
    ];
    const run = found('run', await this.deps.runs.getRun(organizationId, runId));
    if (resumed?.isEnd && run.phase === 'finished') {
      // What makes a browser's EventSource stop connecting again.
      response.status(204).end();
      return;
    }
    await this.events.stream({ organizationId, runId, after: resumed?.seq ?? after }, response);
  }
}

/** A success is shown as `running` until its team is removed, but ends in nothing else that a person could ask for. */
function endOf({ status }: Run): string {
  return status === 'running' ? 'success, and is being torn down' : status;
}
