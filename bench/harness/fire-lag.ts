import type { FiringIteration } from './our-firing';
import { percentile, show } from './statistics';

/** Where ours spends a fire's lag. */
export function explainLag(iterations: readonly FiringIteration[]): string[] {
  const middle = (of: (iteration: FiringIteration) => number): string => show(percentile(iterations.map(of), 'p50'));
  return [
    `the timer's statement is sent ${middle((iteration) => iteration.wokeAfterMs)} ms after the instant,`,
    `and answers, committed, after ${middle((iteration) => iteration.statementMs)} ms more (p50 of ${iterations.length} iterations);`,
    `the last of BullMQ's own ticks, which find everything fired, is consumed at ${middle((iteration) => iteration.ticksDoneAfterMs)} ms`,
  ];
}

/** Both sides take turns, and who begins takes turns too, so that the machine's moods meet both. */
export async function takeTurns(
  iterations: number,
  first: () => Promise<void>,
  second: () => Promise<void>,
): Promise<void> {
  for (let iteration = 0; iteration < iterations; iteration++) {
    const order = iteration % 2 === 0 ? [first, second] : [second, first];
    for (const side of order) await side();
  }
}
