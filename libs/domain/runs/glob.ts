/**
 * Globs of paths in a workspace: `*` is any part of a name, `?` one character, `**` any number of folders. A glob that names a
 * folder stands for all that is in it. Nothing else has a meaning, so that every name can be written.
 */
export function matchesGlob(glob: string, path: string): boolean {
  const pattern = partsOf(glob);
  const names = partsOf(path);
  return pattern.length > 0 && matchesParts(pattern, names);
}

/** The folder that everything lies in that the glob can match; empty for the workspace. */
export function baseOfGlob(glob: string): string {
  const parts = partsOf(glob);
  const fixed = parts.findIndex((part) => /[*?]/.test(part));
  return (fixed === -1 ? parts : parts.slice(0, fixed)).join('/');
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

/** Each pair of places is judged once, so that no glob takes long. */
function matchesParts(pattern: readonly string[], names: readonly string[]): boolean {
  let reached = new Set([0]);
  for (const name of names) {
    const next = new Set<number>();
    for (const at of withSkipped(reached, pattern)) {
      const part = pattern[at];
      // All that is in a folder that it names.
      if (part === undefined) next.add(at);
      else if (part === '**') next.add(at);
      else if (matchesName(part, name)) next.add(at + 1);
    }
    reached = next;
  }
  return withSkipped(reached, pattern).has(pattern.length);
}

/** `**` may also be no folder at all. */
function withSkipped(reached: ReadonlySet<number>, pattern: readonly string[]): Set<number> {
  const all = new Set(reached);
  for (const at of all) if (pattern[at] === '**') all.add(at + 1);
  return all;
}

/** Goes back at most to the last `*`, which makes it quadratic at worst. */
function matchesName(part: string, name: string): boolean {
  let [at, from] = [0, 0];
  let star: { at: number; from: number } | null = null;
  while (from < name.length) {
    if (part[at] === '*') star = { at: at++, from };
    else if (at < part.length && (part[at] === '?' || part[at] === name[from])) [at, from] = [at + 1, from + 1];
    else if (star) [at, from, star] = [star.at + 1, star.from + 1, { at: star.at, from: star.from + 1 }];
    else return false;
  }
  while (part[at] === '*') at++;
  return at === part.length;
}
