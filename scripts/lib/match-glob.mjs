/**
 * Whether a path from the project's root is one that the glob means: `*` is anything within a folder, `**` anything at all.
 * @param {string} path with forward slashes
 * @param {string} glob
 */
export function matchesGlob(path, glob) {
  const pattern = glob
    .split(/(\*\*|\*)/)
    .map((part) => (part === '**' ? '.*' : part === '*' ? '[^/]*' : part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')))
    .join('');
  return new RegExp(`^${pattern}$`).test(path);
}
