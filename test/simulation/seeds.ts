import { createHash } from 'node:crypto';

export interface OnceFailedSeed {
  readonly seed: number;
  /** What its history once broke, and why. */
  readonly found: string;
}

/**
 * Seeds whose histories once broke an invariant; `--histories` plays them first, every time. A change of how plans are drawn
 * gives a seed another history: what it found must stand in a test of its own as well.
 */
export const ONCE_FAILED: readonly OnceFailedSeed[] = [
  {
    seed: 77_024_537,
    found:
      'I15: a removal that never got its answer, for a run whose host had been lost, kept the only worker of its host from being admitted for two minutes.',
  },
  {
    seed: 2_058_970_629,
    found:
      'I15: in the simulator itself, a worker that stood still while it stopped in order was gone for 70 s after all faults had ended.',
  },
  {
    seed: 3_923_198_955,
    found:
      'I13: an agent of a team that was still coming up went beyond a limit and ended at once; its run failed as agent_exited.',
  },
  {
    seed: 4_183_930_793,
    found:
      "I6: in the simulator itself, a line that was lost with its agent's end while the engine was down was expected to end the run.",
  },
  {
    seed: 4_017_039_782,
    found:
      'I13: in the simulator itself, an agent that went beyond a limit and ended before it got its prompt was expected to fail its run with the limit, read or not.',
  },
  {
    seed: 2_130_122_888,
    found:
      'I6: an adopter that could not read a teammate told its leader that the task may not have arrived; the run succeeded over an agent that had gone beyond a limit.',
  },
  {
    seed: 1_230_484_132,
    found:
      'I6: the same where the adopter stood still before it read on; and a task that waited for its agent when the worker stopped was answered as not given.',
  },
  {
    seed: 1_665_542_799,
    found:
      'I14: in the simulator itself, a run that succeeded in the last moment before its deadline was expected to have its artifacts kept.',
  },
  {
    seed: 3_133_074_931,
    found:
      'I6: in the simulator itself, a teammate whose task arrived late, from a worker that had stood still, was expected to end a run whose leader waited for it no more.',
  },
  {
    seed: 1_327_659_820,
    found:
      'I13: a store that was away at the deadline of a run being verified let the check that this deadline had cut short decide it: failed as verification_failed instead of timeout.',
  },
];

/** What one call of the command plays, in this order, and how its last line names it. */
export interface SeedChoice {
  readonly seeds: readonly number[];
  readonly words: string;
}

/** Seed number `index`: the first 32 bits of SHA-256 of `<text>:<index>`, so that a text gives the same seeds everywhere. */
export function deriveSeed(text: string, index: number): number {
  return createHash('sha256').update(`${text}:${index}`).digest().readUInt32BE(0);
}

/** The seeds that once failed, then so many that derive from the text. */
export function freshSeeds(histories: number, text: string): SeedChoice {
  const once = ONCE_FAILED.map(({ seed }) => seed);
  const fresh = Array.from({ length: histories }, (_, index) => deriveSeed(text, index + 1));
  return {
    seeds: [...once, ...fresh],
    words: `the seeds that once failed (${once.length}) and ${histories.toLocaleString('en')} derived from "${text}"`,
  };
}

/** `from`, `from + 1`, … */
export function numberedSeeds(count: number, from: number): SeedChoice {
  const seeds = Array.from({ length: count }, (_, index) => from + index);
  return { seeds, words: `seeds ${from} to ${from + count - 1}` };
}

/** One part for each thread, so that the first broken history is found early. */
export function dealOut(seeds: readonly number[], parts: number): number[][] {
  return Array.from({ length: parts }, (_, part) => seeds.filter((_seed, index) => index % parts === part));
}
