import type { UsageRule } from '@crewtab/domain/teams/preset';
import { ends, HANDSHAKE, rpc, update } from '@test/fakes/protocol/acp-lines';
import { Dialogue, dialogueWith } from '@test/fakes/protocol/dialogue';
import { AcpProtocol } from './acp-session';

const T = 'prompt:run-1';
const RULE: UsageRule = { tokens: 'response', cost: 'update' };

function working(usage?: UsageRule): Dialogue {
  const options = dialogueWith();
  const agent = { ...options.agent, ...(usage && { usage }) };
  return new Dialogue(new AcpProtocol(), { ...options, agent })
    .open()
    .hear(...HANDSHAKE)
    .start(T, 'go');
}

const told = (id: number, inputTokens: number): string =>
  rpc({ id, result: { stopReason: 'end_turn', usage: { inputTokens, outputTokens: 1 } } });
const cost = (amount: number, more: object = {}): string =>
  update({ sessionUpdate: 'usage_update', used: 1, size: 2, cost: { amount, currency: 'USD' }, ...more });
const NOTHING = { inputTokens: null, outputTokens: null, cost: null };

describe('what an agent reports of its usage', () => {
  it('is read by the rule of its preset: tokens with the end of the turn, the cost from its updates', () => {
    const dialogue = working(RULE).hear(cost(0.25), told(10, 7));
    expect(dialogue.session.usage).toEqual({
      ...{ inputTokens: 7, outputTokens: 1, cost: { amount: 0.25, currency: 'USD' } },
      ...{ turns: 1, countedTurns: 1 },
    });
    expect(dialogue.hear(cost(0.5)).session.usage).toMatchObject({ cost: { amount: 0.5 }, turns: 1 });
  });

  it('is nothing without a rule, and before anything was reported', () => {
    expect(working().hear(cost(1), told(10, 7)).session.usage).toBeNull();
    expect(working(RULE).session.usage).toBeNull();
  });

  it('of a turn without a report is a turn that was not counted', () => {
    expect(working(RULE).hear(ends(T)).session.usage).toEqual({ ...NOTHING, turns: 1, countedTurns: 0 });
    const refused = rpc({ id: 10, error: { code: -32603, message: 'no' } });
    expect(working(RULE).hear(refused).session.usage).toEqual({ ...NOTHING, turns: 1, countedTurns: 0 });
  });

  it('counts an end once, and none that was not asked for', () => {
    const dialogue = working(RULE).hear(told(10, 7), told(10, 7), told(77, 7));
    expect(dialogue.session.usage).toMatchObject({ inputTokens: 7, turns: 1 });
  });

  it('does not count a sub-agent’s session twice', () => {
    const child = rpc({
      method: 'session/update',
      params: {
        sessionId: 'child',
        update: { sessionUpdate: 'usage_update', used: 1, size: 2, cost: { amount: 9, currency: 'USD' } },
      },
    });
    expect(working(RULE).hear(cost(0.25), child).session.usage?.cost?.amount).toBe(0.25);
  });

  it('is the same however often the output is read', () => {
    const lines = [cost(0.25), told(10, 7), cost(0.5)];
    expect(working(RULE).hear(...lines).session.usage).toEqual(working(RULE).hear(...lines).session.usage);
  });
});
