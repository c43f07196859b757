import type { FiringRound } from './our-firing';
import { percentile, show } from './statistics';

/** Where ours spends a fire's lag. */
export function explainLag(rounds: readonly FiringRound[]): string[] {
  const middle = (of: (round: FiringRound) => number): string => show(percentile(rounds.map(of), 'p50'));
  return [
    `the timer's statement is sent ${middle((round) => round.wokeAfterMs)} ms after the instant,`,
    `and answers, committed, after ${middle((round) => round.statementMs)} ms more (p50 of ${rounds.length} rounds);`,
    `the last of BullMQ's own ticks, which find everything fired, is consumed at ${middle((round) => round.ticksDoneAfterMs)} ms`,
  ];
}

/** Both sides take turns, and who begins takes turns too, so that the machine's moods meet both. */
export async function takeTurns(
  rounds: number,
  first: () => Promise<void>,
  second: () => Promise<void>,
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? [first, second] : [second, first];
    for (const side of order) await side();
  }
}
