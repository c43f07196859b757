import type { UsageRule } from '../teams/preset';
import { UsageTally } from './usage';

const UNKNOWN = { inputTokens: null, outputTokens: null, cost: null };

function usageOf(rule: Partial<UsageRule>, ...contents: readonly Record<string, unknown>[]) {
  const tally = new UsageTally({ tokens: null, cost: null, ...rule });
  for (const content of contents) tally.add(content);
  return tally.usage;
}

const turn = (result: object) => ({ id: 10, result: { stopReason: 'end_turn', ...result } });
const update = (amount: number, more: object = {}) => ({
  sessionUpdate: 'usage_update',
  used: 1,
  size: 2,
  cost: { amount, currency: 'USD' },
  ...more,
});

describe('UsageTally', () => {
  it('knows nothing before anything is reported, and nothing without a rule', () => {
    expect(usageOf({ tokens: 'response', cost: 'update' })).toEqual(UNKNOWN);
    expect(usageOf({}, turn({ usage: { inputTokens: 1, outputTokens: 2 } }), update(1))).toEqual(UNKNOWN);
  });

  it('sums up the turns, with what came from a cache', () => {
    const usage = { inputTokens: 10, cachedReadTokens: 5, cachedWriteTokens: 1, outputTokens: 3 };
    expect(usageOf({ tokens: 'response' }, turn({ usage }), turn({ usage }))).toEqual({
      ...UNKNOWN,
      inputTokens: 32,
      outputTokens: 6,
    });
  });

  it('adds up the models of a turn, sub-agents with them', () => {
    const row = (model: string, inputTokens: number) => ({ model, token_count: { inputTokens, outputTokens: 1 } });
    const quota = {
      token_count: { inputTokens: 1, outputTokens: 1 },
      model_usage: [row('big', 100), row('small', 20)],
    };
    expect(usageOf({ tokens: 'model_usage' }, turn({ _meta: { quota } }))).toMatchObject({
      inputTokens: 120,
      outputTokens: 2,
    });
    expect(usageOf({ tokens: 'token_count' }, turn({ _meta: { quota } }))).toMatchObject({ inputTokens: 1 });
  });

  it('takes the last cost of its own session, which is the sum', () => {
    const updates = [update(0.25), update(0.5), update(9, { sessionId: 'sub' }), { sessionUpdate: 'usage_update' }];
    expect(usageOf({ cost: 'update' }, ...updates).cost).toEqual({ amount: 0.5, currency: 'USD' });
  });

  it.each([
    ['no report', {}],
    ['an empty one', { usage: {} }],
    ['null', { usage: null }],
    ['words', { usage: { inputTokens: 'many', outputTokens: 1 } }],
  ])('knows no sum once a turn brought %s', (_, result) => {
    const whole = turn({ usage: { inputTokens: 1, outputTokens: 1 } });
    expect(usageOf({ tokens: 'response' }, whole, turn(result))).toEqual(UNKNOWN);
  });
});
