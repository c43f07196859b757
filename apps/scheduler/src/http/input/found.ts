import { notFound } from '../server/problem';

/** The resource, or a 404 when the store had none. */
export function found<T>(resource: string, value: T | null): T {
  if (value === null) throw notFound(resource);
  return value;
}
