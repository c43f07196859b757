import type { RunStore } from '@crewtab/domain/ports/run-store';
import { say, type RunStoreFixture } from './run-store-fixture';

const START = { stdout: 0, stderr: 0 };

export function describeConversing(fixture: () => RunStoreFixture): void {
  describe('the conversation', () => {
    it('numbers messages without a gap, whichever caller appends', async () => {
      const { store, subject } = fixture();
      const claim = await fixture().begun();
      await store.appendMessages(claim, [say('system', 'one', null), say('agent_message', 'two')]);
      await Promise.all(
        ['lead', 'writer'].map((agent) =>
          store.appendMessages(claim, [say('agent_message', 'hello', agent)], {
            agent,
            from: START,
            to: { stdout: 1, stderr: 0 },
          }),
        ),
      );
      await store.appendMessages(claim, []);
      await store.appendMessages(claim, [say('agent_thought', 'five')]);
      const messages = await subject.messages(claim.runId);
      expect(messages.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
      expect(messages[0]).toEqual({ seq: 1, ...say('system', 'one', null) });
      expect(messages[4]).toEqual({ seq: 5, ...say('agent_thought', 'five') });
    });

    it('moves the cursor with the messages and keeps one copy of a repeated append', async () => {
      const { store, subject } = fixture();
      const claim = await fixture().begun();
      const move = { agent: 'lead', from: START, to: { stdout: 3, stderr: 1 } };
      expect(await store.appendMessages(claim, [say('agent_message', 'a')], move)).toEqual(move.to);
      expect(await store.appendMessages(claim, [say('agent_message', 'a')], move)).toEqual(move.to);
      const { deployment } = await store.load(claim);
      expect(deployment?.agents.map(({ cursor }) => cursor)).toEqual([move.to, START]);
      const repeats = await Promise.all(
        Array.from({ length: 5 }, () =>
          store.appendMessages(claim, [say('agent_message', 'b')], {
            agent: 'lead',
            from: move.to,
            to: { stdout: 4, stderr: 1 },
          }),
        ),
      );
      expect(repeats).toEqual(Array.from({ length: 5 }, () => ({ stdout: 4, stderr: 1 })));
      expect((await subject.messages(claim.runId)).map(({ content }) => content)).toEqual([
        { text: 'a' },
        { text: 'b' },
      ]);
    });

    it('moves the cursor without messages too, and knows its agents', async () => {
      const { store } = fixture();
      const claim = await fixture().begun();
      const move = { agent: 'writer', from: START, to: { stdout: 0, stderr: 7 } };
      expect(await store.appendMessages(claim, [], move)).toEqual(move.to);
      expect((await store.load(claim)).deployment?.agents[1]?.cursor).toEqual(move.to);
      await expect(store.appendMessages(claim, [], { ...move, agent: 'stranger' })).rejects.toMatchObject({
        code: 'not_found',
      });
    });

    it('keeps what an agent has reported with the cursor, once however often it is told', async () => {
      const { store } = fixture();
      const claim = await fixture().begun();
      const cost = { amount: 0.125, currency: 'USD' };
      const usage = { inputTokens: 12, outputTokens: 3, cost, turns: 1, countedTurns: 1 };
      const move = { agent: 'lead', from: START, to: { stdout: 3, stderr: 0 }, usage };
      const stored = async () => (await store.load(claim)).deployment?.agents.map((agent) => agent.usage);
      await store.appendMessages(claim, [say('agent_message', 'a')], move);
      await store.appendMessages(claim, [say('agent_message', 'a')], move);
      expect(await stored()).toEqual([usage, undefined]);
      await store.appendMessages(claim, [], { ...move, usage: { ...usage, inputTokens: 99 } });
      const next = { agent: 'lead', from: move.to, to: { stdout: 4, stderr: 0 } };
      await store.appendMessages(claim, [say('agent_message', 'b')], next);
      expect(await stored()).toEqual([usage, undefined]);
      await store.appendMessages(claim, [], { ...next, from: next.to, usage: { ...usage, turns: 2 } });
      expect(await stored()).toEqual([{ ...usage, turns: 2 }, undefined]);
    });

    it('keeps where a message comes from, as far as it is known', async () => {
      const { store, subject } = fixture();
      const claim = await fixture().begun();
      const origin = { messageId: 'm\u00e9', toolCallId: 'c', session: 's', turn: 'prompt:1', block: 'b' };
      await store.appendMessages(claim, [{ ...say('agent_message', 'a'), origin }, say('agent_message', 'b')]);
      const [first, second] = await subject.messages(claim.runId);
      expect(first?.origin).toEqual(origin);
      expect(second).not.toHaveProperty('origin');
    });

    it('keeps every kind of content as it was', async () => {
      const { store, subject } = fixture();
      const claim = await fixture().begun();
      const content = {
        id: 7,
        list: [1, { a: null }],
        text: 'quote " backslash \\u0000 \n 日本 🙂',
        nested: { ok: true },
      };
      await store.appendMessages(claim, [
        { agent: 'lead', kind: 'other', content, at: new Date('2026-03-01T10:00:00.001Z') },
      ]);
      expect((await subject.messages(claim.runId))[0]?.content).toEqual(content);
    });
  });

  describe('listeners', () => {
    it('are told of new messages and of cancels until they are closed', async () => {
      const { store, subject } = fixture();
      const claim = await fixture().begun();
      const changed = await told(store, 'onRunChanged', claim.runId, () =>
        store.appendMessages(claim, [say('system', 'x')]),
      );
      expect(changed).toBe(claim.runId);
      expect(await told(store, 'onRunControl', claim.runId, () => subject.requestCancel(claim.runId))).toBe(
        claim.runId,
      );
    });
  });
}

/** Resolves when the listener has heard of the run; the test's own time limit bounds it. */
async function told(
  store: RunStore,
  listen: 'onRunChanged' | 'onRunControl',
  runId: string,
  act: () => Promise<unknown>,
): Promise<string> {
  let hear: (id: string) => void = () => undefined;
  const heard = new Promise<string>((resolve) => (hear = resolve));
  const subscription = await store[listen]((id) => {
    if (id === runId) hear(id);
  });
  try {
    await act();
    return await heard;
  } finally {
    subscription.close();
  }
}
