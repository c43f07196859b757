import { createBullBoard } from '@bull-board/api';
import { ExpressAdapter } from '@bull-board/express';
import type { NextFunction, RequestHandler, Response } from 'express';
import type { HttpDeps } from './http-deps';
import type { HttpRequest } from './server/http-request';
import { RequestRefused } from './server/problem';

export const QUEUES_PATH = '/queues';

/** Bull Board's pages. The app that mounts this must have let only admins in. */
export function bullBoard(deps: Pick<HttpDeps, 'bullBoardQueues' | 'settings'>): RequestHandler[] {
  const adapter = new ExpressAdapter();
  adapter.setBasePath(QUEUES_PATH);
  createBullBoard({
    queues: deps.bullBoardQueues,
    serverAdapter: adapter,
    options: { uiConfig: { boardTitle: 'Crewtab queues' } },
  });
  return [deps.settings.isBullBoardWritable ? refuseOtherSites : refuseWrites, adapter.getRouter() as RequestHandler];
}

/** The adapters are read-only too; this does not depend on how they were made. */
function refuseWrites(request: HttpRequest, _response: Response, next: NextFunction): void {
  if (isRead(request)) next();
  else
    throw new RequestRefused(
      'forbidden',
      'the queues are read-only here; CREWTAB_BULLBOARD_WRITABLE=true changes that',
    );
}

/** A browser attaches its Basic credentials to requests that other sites make, so those are refused. */
function refuseOtherSites(request: HttpRequest, _response: Response, next: NextFunction): void {
  if (isRead(request) || isFromHere(request)) next();
  else throw new RequestRefused('forbidden', 'this request was made by another site');
}

function isRead(request: HttpRequest): boolean {
  return request.method === 'GET' || request.method === 'HEAD';
}

function isFromHere(request: HttpRequest): boolean {
  const site = request.get('sec-fetch-site');
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  const origin = request.get('origin');
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === request.get('host'));
}
