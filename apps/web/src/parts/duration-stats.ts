import type { Schedule } from '../api/client';

type Stats = NonNullable<Schedule['stats']>;

/** Below that many runs nothing is concluded from them. */
export const MIN_SAMPLE = 5;
/** From this share of the timeout on a run came near it. */
const NEAR = 0.7;

/** One run of twenty, or more, came near its timeout. */
export function isNearTimeout({ n, p95Seconds }: Stats, timeoutSeconds: number): boolean {
  return n >= MIN_SAMPLE && p95Seconds !== null && p95Seconds >= NEAR * timeoutSeconds;
}
