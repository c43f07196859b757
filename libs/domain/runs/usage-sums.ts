import type { PartCounts, UsageSum } from '../ports/usage-store';
import type { Cost } from './usage';

type Missing = Pick<UsageSum, 'unknown' | 'incomplete'>;

/** What is known of one group's runs of one day and currency. */
export interface UsageCell {
  readonly day: number;
  readonly runs: number;
  /** Agents in runs. */
  readonly parts: number;
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  readonly cost: Cost | null;
  /** What is missing of them. */
  readonly ofRuns: Missing;
  readonly ofParts: Missing;
}

/** @param of what is counted: runs, or what each agent did in them */
export function addUpCells(cells: readonly UsageCell[], of: 'runs' | 'parts'): UsageSum {
  const costs = new Map<string, number>();
  for (const { cost } of cells) if (cost) costs.set(cost.currency, (costs.get(cost.currency) ?? 0) + cost.amount);
  const missing = cells.map(({ ofRuns, ofParts }) => (of === 'runs' ? ofRuns : ofParts));
  return {
    runs: total(cells.map((cell) => cell[of])),
    inputTokens: sumOf(cells.map(({ inputTokens }) => inputTokens)),
    outputTokens: sumOf(cells.map(({ outputTokens }) => outputTokens)),
    costs: [...costs]
      .sort(([, a], [, b]) => b - a)
      .map(([currency, amount]) => ({ amount: rounded(amount), currency })),
    unknown: countsOf(missing.map(({ unknown }) => unknown)),
    incomplete: countsOf(missing.map(({ incomplete }) => incomplete)),
  };
}

function countsOf(counts: readonly PartCounts[]): PartCounts {
  return { tokens: total(counts.map(({ tokens }) => tokens)), cost: total(counts.map(({ cost }) => cost)) };
}

function total(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

export function addUpByDay(cells: readonly UsageCell[], of: 'runs' | 'parts'): Map<number, UsageSum> {
  const days = [...new Set(cells.map(({ day }) => day))].sort((a, b) => a - b);
  return new Map(
    days.map((day) => [
      day,
      addUpCells(
        cells.filter((cell) => cell.day === day),
        of,
      ),
    ]),
  );
}

function sumOf(counts: readonly (number | null)[]): number | null {
  const known = counts.filter((count) => count !== null);
  return known.length === 0 ? null : total(known);
}

/** Sums of binary fractions end in noise. */
function rounded(amount: number): number {
  return Math.round(amount * 1e9) / 1e9;
}
