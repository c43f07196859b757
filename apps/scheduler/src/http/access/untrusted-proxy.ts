import type { NextFunction, Response } from 'express';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { HttpRequest } from '../server/http-request';

const HEADERS = ['x-forwarded-for', 'x-forwarded-proto'];

/**
 * Says once that a proxy seems to stand in front and is not trusted: all clients without a key count as one address then.
 * Its header is not believed by itself, since any client can send it.
 */
export function warnOfUntrustedProxy(logger: Logger) {
  let isSaid = false;
  return (request: HttpRequest, _response: Response, next: NextFunction): void => {
    if (!isSaid && HEADERS.some((name) => request.get(name) !== undefined)) {
      isSaid = true;
      logger.warn(
        { peer: request.socket.remoteAddress },
        'a request came with X-Forwarded-For or X-Forwarded-Proto: if a proxy stands in front, name it in TRUSTED_PROXIES; until then its clients share ' +
          'the limits of one address, and the cookies of sessions are not Secure',
      );
    }
    next();
  };
}
