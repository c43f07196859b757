import { Controller, Req, Res } from '@nestjs/common';
import { streamEvents } from '@crewtab/api-contract/event-routes';
import type { Response } from 'express';
import { RequestLimits } from '../access/request-limits';
import { addressOf } from '../access/require-caller';
import { Route, type RouteInput } from '../contract/route';
import type { HttpRequest } from '../server/http-request';
import { OrganizationEvents } from './organization-events';

@Controller()
export class EventsController {
  constructor(
    private readonly events: OrganizationEvents,
    private readonly limits: RequestLimits,
  ) {}

  /** A browser that reconnects sends `Last-Event-ID` with the old URL, so the header wins over `after`. */
  @Route(streamEvents)
  async live(
    { caller, query, headers }: RouteInput<typeof streamEvents>,
    @Req() request: HttpRequest,
    @Res() response: Response,
  ): Promise<void> {
    const { after, ...filter } = query;
    const cursor = headers['Last-Event-ID'] ?? after ?? null;
    const end = this.limits.openStream(caller.keyId, addressOf(request));
    try {
      await this.events.stream({ organizationId: caller.organizationId, ...filter }, cursor, response);
    } finally {
      end();
    }
  }
}
