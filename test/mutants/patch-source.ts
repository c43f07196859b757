/** Replaces the one occurrence of `search`. Throws when there is none, or more than one. */
export function patchSource(source: string, search: string, replace: string): string {
  const [before, ...rest] = source.split(search);
  const [after] = rest;
  if (before === undefined || after === undefined || rest.length !== 1)
    throw new Error(`found ${rest.length} times instead of once: ${search}`);
  if (search === replace) throw new Error(`changes nothing: ${search}`);
  return `${before}${replace}${after}`;
}
