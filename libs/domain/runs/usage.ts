import type { UsageRule } from '../teams/preset';
import type { MessageContent } from './message';

/** What an agent used. What is not known is null, and never 0. */
export interface Usage {
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  readonly cost: { readonly amount: number; readonly currency: string } | null;
}

interface Tokens {
  readonly input: number;
  readonly output: number;
}

/** Sums up what one agent reports in its conversation, as the rule of its preset says. Input counts what came from a cache too. */
export class UsageTally {
  private tokens: Tokens | null = null;
  private cost: Usage['cost'] = null;
  /** A turn ended without a report: a sum without it would be too small. */
  private isTokenReportMissing = false;

  constructor(private readonly rule: UsageRule) {}

  get usage(): Usage {
    const tokens = this.isTokenReportMissing ? null : this.tokens;
    return { inputTokens: tokens?.input ?? null, outputTokens: tokens?.output ?? null, cost: this.cost };
  }

  /** @param content of a message of the kind `other`, in the order of the conversation */
  add(content: MessageContent): void {
    if (content['sessionUpdate'] === 'usage_update') this.addUpdate(content);
    else if (isObject(content['result']) && 'stopReason' in content['result']) this.addTurn(content['result']);
  }

  /** Updates tell the sum since the session began; those of a sub-agent's session are part of it. */
  private addUpdate({ cost, sessionId }: MessageContent): void {
    if (this.rule.cost === null || sessionId !== undefined || !isObject(cost)) return;
    const { amount, currency } = cost;
    if (isCount(amount) && typeof currency === 'string') this.cost = { amount, currency };
  }

  private addTurn(result: MessageContent): void {
    if (this.rule.tokens === null) return;
    const turn = tokensOf(result, this.rule.tokens);
    if (turn === null) this.isTokenReportMissing = true;
    else
      this.tokens = {
        input: (this.tokens?.input ?? 0) + turn.input,
        output: (this.tokens?.output ?? 0) + turn.output,
      };
  }
}

function tokensOf(result: MessageContent, rule: NonNullable<UsageRule['tokens']>): Tokens | null {
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
  if (!isCount(input) || !isCount(output)) return null;
  const cached = CACHED.map((name) => usage[name]).filter(isCount);
  return { input: cached.reduce((total, count) => total + count, input), output };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function isObject(value: unknown): value is MessageContent {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
