import { notFound } from '../server/problem';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether this could be an id of ours. Asking Postgres for anything else would be an error instead of a miss. */
export function isResourceId(id: string): boolean {
  return UUID.test(id);
}

/** @throws RequestRefused not_found for what cannot be an id */
export function resourceId(what: string, id: string): string {
  if (!isResourceId(id)) throw notFound(what);
  return id.toLowerCase();
}

/** The thing, or a 404 when the store had none. */
export function found<T>(what: string, thing: T | null): T {
  if (thing === null) throw notFound(what);
  return thing;
}
