/** How long runs took: what a timeout and the gap between two instants are held against. */
export interface DurationStats {
  /** How many runs they are of. */
  readonly n: number;
  /** Null where there is none. */
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
}

/** Below that many runs a forecast says nothing. */
export const MIN_SAMPLE = 5;

export function summarizeDurations(durationsMs: readonly number[]): DurationStats {
  const sorted = [...durationsMs].sort((one, other) => one - other);
  return { n: sorted.length, p50Ms: quantile(sorted, 0.5), p95Ms: quantile(sorted, 0.95) };
}

/** The smallest duration that at least the share `q` of all do not exceed. */
function quantile(sorted: readonly number[], q: number): number | null {
  return sorted[Math.max(0, Math.ceil(sorted.length * q) - 1)] ?? null;
}
