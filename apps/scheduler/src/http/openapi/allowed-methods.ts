import { allRoutes } from '@crewtab/api-contract/all-routes';
import { patternOf } from '@crewtab/api-contract/route';

const ROUTES = allRoutes.map(({ method, path }) => ({
  pattern: patternOf(path),
  methods: method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()],
}));

/** Says which methods a path knows, for 405 answers. GET includes HEAD. */
export function allowedMethods(path: string): readonly string[] {
  return [...new Set(ROUTES.filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => methods))];
}
