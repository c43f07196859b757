import type { OpenApiDocument } from './openapi-document';

/** Says which methods a path knows, for 405 answers. GET includes HEAD. */
export function allowedMethods(document: OpenApiDocument): (path: string) => readonly string[] {
  const routes = Object.entries(document.paths).map(([pattern, methods]) => ({
    matches: toRegExp(pattern),
    methods: Object.keys(methods).flatMap((method) => (method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()])),
  }));
  return (path) => [...new Set(routes.filter((route) => route.matches.test(path)).flatMap((route) => route.methods))];
}

function toRegExp(pattern: string): RegExp {
  const escaped = pattern
    .replace(/\/$/, '')
    .replace(/[.]/g, '\\.')
    .replace(/\{\w+\}/g, '[^/]+');
  return new RegExp(`^${escaped}/?$`, 'i');
}
