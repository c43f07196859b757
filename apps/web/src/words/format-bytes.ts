const UNITS = ['bytes', 'KB', 'MB', 'GB'] as const;

/** `812 bytes`, `3.4 MB`. */
export function formatBytes(bytes: number): string {
  let [left, unit] = [bytes, 0];
  for (; left >= 1_000 && unit < UNITS.length - 1; unit++) left /= 1_000;
  return `${unit === 0 || left >= 100 ? Math.round(left) : left.toFixed(1)} ${UNITS[unit]}`;
}
