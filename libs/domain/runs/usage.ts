import type { UsageRule } from '../teams/preset';

/** What an agent sent; any field may be missing or of another shape. */
type Content = Readonly<Record<string, unknown>>;

export interface Cost {
  readonly amount: number;
  /** As the agent names it: `USD`. */
  readonly currency: string;
}

/** Parts of a usage, each of which may be known or not. */
export type UsagePart = 'tokens' | 'cost';

/** What an agent, or all agents of a run, used. What is not known is null, and never 0. */
export interface Usage {
  /** With what came from a cache. */
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  readonly cost: Cost | null;
  /** Parts of which something was not reported: a figure that is there is at least so much. */
  readonly incomplete: readonly UsagePart[];
}

/** What one agent has reported so far, as it is stored with the output that it came from. */
export interface ReportedUsage {
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  readonly cost: Cost | null;
  /** That have ended. */
  readonly turns: number;
  /** Those of them that told their tokens. */
  readonly countedTurns: number;
}

interface Tokens {
  readonly input: number;
  readonly output: number;
}

/**
 * Sums up what one agent reports in its output, as the rule of its preset says. The same output gives the same sum, so the
 * worker that adopts a run counts anew from the first line, and nothing twice.
 */
export class UsageTally {
  private sum: ReportedUsage | null = null;

  constructor(private readonly rule: UsageRule) {}

  /** Null until something was reported, or a turn has ended. Another object with every change. */
  get reported(): ReportedUsage | null {
    return this.sum;
  }

  /** @param update of the agent's own session: those of sub-agents are part of its sums */
  addUpdate({ sessionUpdate, cost }: Content): void {
    if (sessionUpdate !== 'usage_update' || this.rule.cost === null || !isObject(cost)) return;
    const { amount, currency } = cost;
    if (isCount(amount) && typeof currency === 'string' && CURRENCY.test(currency))
      this.sum = { ...(this.sum ?? NOTHING), cost: { amount, currency } };
  }

  /** @param result of the turn's request; null: it was answered by an error */
  addTurn(result: unknown): void {
    const sum = this.sum ?? NOTHING;
    const turn = isObject(result) && this.rule.tokens !== null ? tokensOf(result, this.rule.tokens) : null;
    this.sum = {
      ...sum,
      turns: sum.turns + 1,
      ...(turn && {
        inputTokens: (sum.inputTokens ?? 0) + turn.input,
        outputTokens: (sum.outputTokens ?? 0) + turn.output,
        countedTurns: sum.countedTurns + 1,
      }),
    };
  }
}

const NOTHING: ReportedUsage = { inputTokens: null, outputTokens: null, cost: null, turns: 0, countedTurns: 0 };

/** Agents write it: it becomes a label of metrics, and is shown. */
const CURRENCY = /^[A-Z]{3,8}$/;

export function isSameReport(one: ReportedUsage | null, other: ReportedUsage | null): boolean {
  const valuesOf = (usage: ReportedUsage | null) =>
    usage && [
      usage.inputTokens,
      usage.outputTokens,
      usage.turns,
      usage.countedTurns,
      usage.cost?.amount,
      usage.cost?.currency,
    ];
  return one === other || JSON.stringify(valuesOf(one)) === JSON.stringify(valuesOf(other));
}

/** @param turns that the agent was given: one that has not ended has not told all. Null: it was given none. */
export function usageOf(reported: ReportedUsage | null, turns: number): Usage | null {
  if (reported === null && turns === 0) return null;
  const { inputTokens, outputTokens, cost, turns: ended, countedTurns } = reported ?? NOTHING;
  const areTokensMissing = inputTokens === null || countedTurns < turns;
  const isCostMissing = cost === null || ended < turns;
  return { inputTokens, outputTokens, cost, incomplete: incompleteOf(areTokensMissing, isCostMissing) };
}

/** Of all agents that were given a turn; null: nothing is known of any. Costs in different currencies make no sum. */
export function sumUsage(usages: readonly Usage[]): Usage | null {
  const known = usages.filter(({ inputTokens, cost }) => inputTokens !== null || cost !== null);
  if (known.length === 0) return null;
  const costs = known.flatMap(({ cost }) => cost ?? []);
  const isOneCurrency = new Set(costs.map(({ currency }) => currency)).size === 1;
  const isMissing = (part: UsagePart): boolean => usages.some(({ incomplete }) => incomplete.includes(part));
  return {
    inputTokens: sumOf(known.map(({ inputTokens }) => inputTokens)),
    outputTokens: sumOf(known.map(({ outputTokens }) => outputTokens)),
    cost: isOneCurrency
      ? { amount: costs.reduce((sum, { amount }) => sum + amount, 0), currency: costs[0]?.currency ?? '' }
      : null,
    incomplete: incompleteOf(isMissing('tokens'), isMissing('cost') || !isOneCurrency),
  };
}

function incompleteOf(areTokensMissing: boolean, isCostMissing: boolean): UsagePart[] {
  return [...(areTokensMissing ? (['tokens'] as const) : []), ...(isCostMissing ? (['cost'] as const) : [])];
}

function sumOf(counts: readonly (number | null)[]): number | null {
  const known = counts.filter((count) => count !== null);
  return known.length === 0 ? null : known.reduce((sum, count) => sum + count, 0);
}

function tokensOf(result: Content, rule: NonNullable<UsageRule['tokens']>): Tokens | null {
  if (rule === 'response') return countsOf(result['usage']);
  const meta = isObject(result['_meta']) ? result['_meta'] : {};
  const quota = isObject(meta['quota']) ? meta['quota'] : {};
  if (rule === 'token_count') return countsOf(quota['token_count']);
  const rows = Array.isArray(quota['model_usage']) ? (quota['model_usage'] as unknown[]) : [];
  const counts = rows.map((row) => (isObject(row) ? countsOf(row['token_count']) : null));
  if (counts.length === 0 || counts.some((count) => count === null)) return null;
  const sum = (part: keyof Tokens): number => counts.reduce((total, count) => total + (count?.[part] ?? 0), 0);
  return { input: sum('input'), output: sum('output') };
}

/** By the names that programs give to tokens that they read from or wrote to a cache. */
const CACHED = ['cachedReadTokens', 'cachedInputTokens', 'cachedWriteTokens', 'cacheWriteInputTokens'];

function countsOf(usage: unknown): Tokens | null {
  if (!isObject(usage)) return null;
  const input = usage['inputTokens'] ?? usage['input_tokens'];
  const output = usage['outputTokens'] ?? usage['output_tokens'];
  if (!isTokenCount(input) || !isTokenCount(output)) return null;
  const cached = CACHED.map((name) => usage[name]).filter(isTokenCount);
  return { input: cached.reduce((total, count) => total + count, input), output };
}

/** What no run can use: a figure beyond it is a fault of the agent, and would spoil every sum. */
const MOST_TOKENS = 1e12;
const MOST_COST = 1e9;

function isTokenCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MOST_TOKENS;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 && value <= MOST_COST;
}

function isObject(value: unknown): value is Content {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
