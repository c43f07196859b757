import type { CursorMove } from '@crewtab/domain/ports/run-store';
import type { DraftMessage, MessageOrigin } from '@crewtab/domain/runs/message';
import { START_OF_OUTPUT } from '@crewtab/domain/runs/run';
import { FakeClock } from '@test/fakes/fake-clock';
import { ConversationRecorder } from './conversation-recorder';

interface Stored {
  readonly messages: readonly DraftMessage[];
  readonly move: CursorMove | undefined;
}

function recording() {
  const clock = new FakeClock();
  const stored: Stored[] = [];
  const store = {
    appendMessages: (_claim: unknown, messages: readonly DraftMessage[], move?: CursorMove) => {
      stored.push({ messages, move });
      return Promise.resolve(move?.to ?? null);
    },
  };
  const fail = (error: unknown): never => {
    throw error;
  };
  const claim = { runId: 'r', epoch: 1 };
  const recorder = new ConversationRecorder(store, clock, claim, 'lead', START_OF_OUTPUT, null, () => undefined, fail);
  let line = 0;
  const say = (text: string, origin?: MessageOrigin, more: object = {}): void => {
    line += 1;
    const draft = { agent: 'lead', kind: 'agent_message', content: { text, ...more }, at: clock.now() } as const;
    recorder.add([{ ...draft, ...(origin && { origin }) }], { stdout: line, stderr: 0 }, null);
  };
  return { clock, stored, recorder, say };
}

const texts = (stored: readonly Stored[]) => stored.flatMap(({ messages }) => messages.map(({ content }) => content));

describe('pieces that come within a moment', () => {
  it('share a stored message where they are of one, and keep where it comes from', async () => {
    const { stored, recorder, say } = recording();
    const origin = { session: 'child', block: 'm1' };
    say('one ', origin, { sessionId: 'child' });
    say('two', origin, { sessionId: 'child' });
    await recorder.flush();
    expect(texts(stored)).toEqual([{ text: 'one two', sessionId: 'child' }]);
    expect(stored[0]?.messages[0]?.origin).toEqual(origin);
  });

  it.each([
    ['the agent names them differently', { block: 'm1' }, { block: 'm2' }],
    ['only one has a name', { block: 'm1' }, undefined],
    ['they are of different turns', { block: 'm', turn: '1' }, { block: 'm', turn: '2' }],
  ])('stay apart where %s', async (_, first, second) => {
    const { stored, recorder, say } = recording();
    say('one ', first);
    say('two', second);
    await recorder.flush();
    expect(texts(stored)).toEqual([{ text: 'one ' }, { text: 'two' }]);
  });
});

describe('what the agent has reported of its usage', () => {
  const usage = { inputTokens: 5, outputTokens: 1, cost: null, turns: 1, countedTurns: 1 };

  it('is stored without a message too, and not again while it is the same', async () => {
    const { clock, stored, recorder } = recording();
    recorder.add([], { stdout: 1, stderr: 0 }, usage);
    await clock.advance(250);
    await recorder.flush();
    recorder.add([], { stdout: 2, stderr: 0 }, { ...usage });
    await clock.advance(250);
    await recorder.flush();
    expect(stored).toEqual([
      { messages: [], move: { agent: 'lead', from: START_OF_OUTPUT, to: { stdout: 1, stderr: 0 }, usage } },
    ]);
  });
});
