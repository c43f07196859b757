import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { findCode, findDeclarations } from './find-code';
import type { Edit } from './mutant';

/** A file of the project with an edit in it. */
export interface Planted {
  /** Relative to the project. */
  readonly file: string;
  readonly source: string;
}

/**
 * Finds the one place that an edit speaks of and replaces it.
 * @param edited files that earlier edits of the same mutant have changed
 * @throws Error when there is no such place, or more than one: a mutant that drifted away is an error, not a success
 */
export async function plantEdit(
  project: string,
  edit: Edit,
  edited: ReadonlyMap<string, string> = new Map(),
): Promise<Planted> {
  const { within, inside, search, replace } = edit;
  const places: { file: string; source: string; from: number; to: number }[] = [];
  for (const file of await sourcesBelow(project, within)) {
    const source = edited.get(file) ?? (await readFile(join(project, file), 'utf8'));
    const areas = inside === undefined ? [{ from: 0, to: source.length }] : findDeclarations(source, inside);
    const spans = areas.flatMap(({ from, to }) =>
      findCode(source.slice(from, to), search).map((span) => ({ from: from + span.from, to: from + span.to })),
    );
    for (const { from, to } of spans)
      if (!places.some((place) => place.file === file && place.from === from)) places.push({ file, source, from, to });
  }
  const [place] = places;
  const where = inside === undefined ? within : `${inside} in ${within}`;
  if (!place || places.length !== 1)
    throw new Error(`found ${places.length} times instead of once in ${where}: ${search}`);
  const source = place.source.slice(0, place.from) + replace + place.source.slice(place.to);
  if (source === place.source) throw new Error(`changes nothing in ${where}: ${search}`);
  return { file: place.file, source };
}

/** The file itself, or the sources of a folder that are neither generated nor tests. */
async function sourcesBelow(project: string, path: string): Promise<string[]> {
  if ((await stat(join(project, path))).isFile()) return [path];
  const names = await readdir(join(project, path), { recursive: true });
  return names
    .filter((name) => /\.[jt]s$/.test(name) && !/\.spec|(^|\/)generated\//.test(name))
    .sort()
    .map((name) => `${path}/${name}`);
}
