import type { RequestHandler } from 'express';

/** `/runs/:id/artifacts/out/report.md`: the rest of the path is one name, as it stands in the list. */
const PLAIN = /^(\/api\/v1\/runs\/[^/?]+\/artifacts\/)([^?]*\/[^?]*)/i;

/** Before routes are looked up: an artifact's path may be written with its slashes. */
export function plainArtifactPaths(): RequestHandler {
  return (request, _response, next) => {
    request.url = request.url.replace(PLAIN, (_, before: string, path: string) => before + path.replaceAll('/', '%2F'));
    next();
  };
}
