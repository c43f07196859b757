const MOST_REMEMBERED = 1_000;

/** Keeps the latest entries of a map, so that what is only remembered to save calls cannot grow for ever. */
export function remember<V>(memory: Map<string, V>, key: string, value: V): void {
  memory.delete(key);
  memory.set(key, value);
  const [oldest] = memory.keys();
  if (memory.size > MOST_REMEMBERED && oldest !== undefined) memory.delete(oldest);
}
