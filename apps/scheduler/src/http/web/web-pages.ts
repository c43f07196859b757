import type { NextFunction, RequestHandler, Response } from 'express';
import type { HttpRequest } from '../server/http-request';
import type { WebFile, WebFiles } from './web-files';

/** What other parts of this process answer; everything else is a page. */
const NO_PAGES = /^\/(api|queues|metrics|healthz|readyz|assets)(\/|$)/;

/**
 * The policy of the web pages, which load nothing from elsewhere and run nothing inline; docs/web.md explains each part.
 * Swagger's and Bull Board's pages have one of their own: see securityHeaders.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "font-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  // Lets through the address of one worker: apps/web/src/api/tab-events.ts.
  'trusted-types crewtab',
].join('; ');

const FOR_EVER = 'public, max-age=31536000, immutable';

/**
 * Serves the browser's pages: their files, and the one HTML page for every address that has no file, so that links into
 * the pages can be opened and sent.
 */
export function webPages(files: WebFiles): RequestHandler {
  const page = files.get('/index.html');
  return (request: HttpRequest, response: Response, next: NextFunction): void => {
    const file = files.get(request.path) ?? (isPage(request) ? page : undefined);
    if (!file || !isRead(request)) next();
    else send(file, request, response);
  };
}

/** What a browser asks for when a person opens an address. */
function isPage(request: HttpRequest): boolean {
  return !NO_PAGES.test(request.path) && request.accepts(['json', 'html']) === 'html';
}

function isRead({ method }: HttpRequest): boolean {
  return method === 'GET' || method === 'HEAD';
}

function send(file: WebFile, request: HttpRequest, response: Response): void {
  response.set({
    'Content-Type': file.contentType,
    'Content-Security-Policy': CONTENT_SECURITY_POLICY,
    'Cache-Control': file.isHashed ? FOR_EVER : 'no-cache',
    ETag: file.etag,
    Vary: 'Accept, Accept-Encoding',
  });
  if (request.fresh) {
    response.status(304).end();
    return;
  }
  const isGzipped = file.gzipped !== null && request.acceptsEncodings('gzip') === 'gzip';
  if (isGzipped) response.set('Content-Encoding', 'gzip');
  response.status(200).end(isGzipped ? file.gzipped : file.body);
}
