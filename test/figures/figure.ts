import type { SeededRandom } from '../kit/random';
import type { InstallOptions, MeasuredInstallation } from './installation';

/** What every figure gets: an installation of its own, started for this figure only. */
export interface FigureContext {
  /** Starts the product with servers of its own; it is stopped after the figure. */
  install(options: InstallOptions): Promise<MeasuredInstallation>;
  /** How many of everything, as a factor: 1 is what docs/reliability.md quotes. */
  readonly scale: number;
  /** When faults hit it follows from the seed. */
  readonly random: SeededRandom;
  log(line: string): void;
}

export interface Figure {
  readonly name: string;
  /** One line for `--help`. */
  readonly about: string;
  measure(context: FigureContext): Promise<Result[]>;
}

/** One line of the table. */
export interface Result {
  readonly what: string;
  /** Seconds, or null where something is only counted. */
  readonly seconds: readonly number[] | null;
  /** Where nothing is timed: what was counted, in words. */
  readonly counted?: string;
  readonly aim: string;
  readonly isMet: boolean;
}

/** By nearest rank: always a value that was really measured. @throws RangeError without values */
export function percentile(values: readonly number[], rank: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(rank * sorted.length) - 1)];
  if (value === undefined) throw new RangeError('nothing was measured');
  return value;
}

/** A result that is held to limits of its percentiles, seconds. */
export function timed(
  what: string,
  seconds: readonly number[],
  limits: { readonly p50?: number; readonly p99?: number },
): Result {
  const aims = Object.entries(limits).map(([name, limit]) => `${name} ≤ ${limit}`);
  const isMet = Object.entries(limits).every(
    ([name, limit]) => percentile(seconds, name === 'p50' ? 0.5 : 0.99) <= limit,
  );
  return { what, seconds, aim: aims.join(', ') || '–', isMet };
}

/** At least one, whatever the scale. */
export function scaled(count: number, scale: number): number {
  return Math.max(1, Math.round(count * scale));
}
