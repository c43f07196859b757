import type { UsageRule } from '../teams/preset';
import { sumUsage, usageOf, UsageTally, type Usage } from './usage';

type Report = { readonly turn: unknown } | { readonly update: Record<string, unknown> };

function reported(rule: Partial<UsageRule>, ...reports: readonly Report[]) {
  const tally = new UsageTally({ tokens: null, cost: null, ...rule });
  for (const report of reports) {
    if ('turn' in report) tally.addTurn(report.turn);
    else tally.addUpdate(report.update);
  }
  return tally.reported;
}

const turn = (result: object): Report => ({ turn: { stopReason: 'end_turn', ...result } });
const update = (amount: unknown, currency: unknown = 'USD'): Report => ({
  update: { sessionUpdate: 'usage_update', used: 1, size: 2, cost: { amount, currency } },
});
const NOTHING = { inputTokens: null, outputTokens: null, cost: null };

describe('UsageTally', () => {
  it('knows nothing before anything is reported, and nothing without a rule', () => {
    expect(reported({ tokens: 'response', cost: 'update' })).toBeNull();
    expect(reported({}, turn({ usage: { inputTokens: 1, outputTokens: 2 } }), update(1))).toEqual({
      ...NOTHING,
      turns: 1,
      countedTurns: 0,
    });
  });

  it('sums up the turns, with what came from a cache', () => {
    const usage = { inputTokens: 10, cachedReadTokens: 5, cachedWriteTokens: 1, outputTokens: 3 };
    expect(reported({ tokens: 'response' }, turn({ usage }), turn({ usage }))).toEqual({
      ...{ inputTokens: 32, outputTokens: 6, cost: null },
      ...{ turns: 2, countedTurns: 2 },
    });
  });

  it('adds up the models of a turn, sub-agents with them', () => {
    const row = (model: string, inputTokens: number) => ({ model, token_count: { inputTokens, outputTokens: 1 } });
    const quota = {
      token_count: { inputTokens: 1, outputTokens: 1 },
      model_usage: [row('big', 100), row('small', 20)],
    };
    expect(reported({ tokens: 'model_usage' }, turn({ _meta: { quota } }))).toMatchObject({
      inputTokens: 120,
      outputTokens: 2,
    });
    expect(reported({ tokens: 'token_count' }, turn({ _meta: { quota } }))).toMatchObject({ inputTokens: 1 });
  });

  it('takes the last cost, which is the sum', () => {
    const empty = { update: { sessionUpdate: 'usage_update' } };
    expect(reported({ cost: 'update' }, update(0.25), update(0.5), empty)?.cost).toEqual({
      amount: 0.5,
      currency: 'USD',
    });
  });

  it.each([[-1], [Number.NaN], ['1'], [1e300]])('believes no cost of %p', (amount) => {
    expect(reported({ cost: 'update' }, update(amount))).toBeNull();
  });

  it.each(['usd', '<b>', '', 'X'.repeat(100)])('believes no currency %p', (currency) => {
    expect(reported({ cost: 'update' }, update(1, currency))).toBeNull();
  });

  it.each([
    ['no report', {}],
    ['an empty one', { usage: {} }],
    ['null', { usage: null }],
    ['words', { usage: { inputTokens: 'many', outputTokens: 1 } }],
    ['parts of a token', { usage: { inputTokens: 0.5, outputTokens: 1 } }],
    ['more than there can be', { usage: { inputTokens: 1e15, outputTokens: 1 } }],
  ])('does not count a turn that brought %s', (_, result) => {
    const whole = turn({ usage: { inputTokens: 1, outputTokens: 1 } });
    const sum = reported({ tokens: 'response' }, whole, turn(result));
    expect(sum).toMatchObject({ inputTokens: 1, outputTokens: 1, turns: 2, countedTurns: 1 });
    expect(usageOf(sum, 2)?.incomplete).toContain('tokens');
  });

  it('counts a turn that was answered by an error as ended', () => {
    expect(reported({ tokens: 'response' }, { turn: null })).toEqual({ ...NOTHING, turns: 1, countedTurns: 0 });
  });
});

describe('usageOf', () => {
  const cost = { amount: 1, currency: 'USD' };
  const whole = { inputTokens: 5, outputTokens: 2, cost, turns: 1, countedTurns: 1 };

  it('is complete where every turn has told all', () => {
    expect(usageOf(whole, 1)).toEqual({ inputTokens: 5, outputTokens: 2, cost, incomplete: [] });
  });

  it('is at least so much where a turn has not ended', () => {
    expect(usageOf(whole, 2)?.incomplete).toEqual(['tokens', 'cost']);
  });

  it('is unknown of an agent that was given a turn and reported nothing, and nothing of one that was given none', () => {
    expect(usageOf(null, 1)).toEqual({ ...NOTHING, incomplete: ['tokens', 'cost'] });
    expect(usageOf(null, 0)).toBeNull();
  });
});

describe('sumUsage', () => {
  const usage = (fields: Partial<Usage>): Usage => ({ ...NOTHING, incomplete: [], ...fields });
  const dollars = (amount: number, currency = 'USD') => ({ amount, currency });
  const unknown = usage({ incomplete: ['tokens', 'cost'] });

  it('is unknown where nothing is known of any agent', () => {
    expect(sumUsage([])).toBeNull();
    expect(sumUsage([unknown, unknown])).toBeNull();
  });

  it('adds up what is known, and says of what something is missing', () => {
    const claude = usage({ inputTokens: 10, outputTokens: 1, cost: dollars(0.5) });
    const codex = usage({ inputTokens: 5, outputTokens: 2, incomplete: ['cost'] });
    expect(sumUsage([claude, codex])).toEqual({
      ...{ inputTokens: 15, outputTokens: 3, cost: dollars(0.5) },
      incomplete: ['cost'],
    });
    expect(sumUsage([claude, claude])).toMatchObject({ cost: dollars(1), incomplete: [] });
    expect(sumUsage([claude, unknown])).toMatchObject({ inputTokens: 10, incomplete: ['tokens', 'cost'] });
  });

  it('makes no sum of different currencies', () => {
    const one = usage({ inputTokens: 1, outputTokens: 1, cost: dollars(1) });
    const other = usage({ inputTokens: 1, outputTokens: 1, cost: dollars(1, 'EUR') });
    expect(sumUsage([one, other])).toMatchObject({ inputTokens: 2, cost: null, incomplete: ['cost'] });
  });
});
