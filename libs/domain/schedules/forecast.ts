import { MIN_SAMPLE } from './run-durations';

/** From this share of a timeout on a run came near it. */
const NEAR = 0.7;

/**
 * How probable it is that a run still works when the next one is due: the share of all pairs of a gap between two instants
 * and a duration that was seen. Null below `MIN_SAMPLE` durations, and without a gap.
 */
export function overlapProbability(instants: readonly Date[], durationsMs: readonly number[]): number | null {
  const gaps = instants.slice(1).map((at, index) => at.getTime() - (instants[index]?.getTime() ?? 0));
  if (durationsMs.length < MIN_SAMPLE || gaps.length === 0) return null;
  const overlapping = gaps.reduce((sum, gap) => sum + durationsMs.filter((duration) => duration > gap).length, 0);
  return overlapping / (gaps.length * durationsMs.length);
}

/** How many runs came near a timeout, those that reached it among them. */
export function countNear(durationsMs: readonly number[], timeoutMs: number): { near: number; over: number } {
  const atLeast = (share: number): number => durationsMs.filter((duration) => duration >= share * timeoutMs).length;
  return { near: atLeast(NEAR), over: atLeast(1) };
}
