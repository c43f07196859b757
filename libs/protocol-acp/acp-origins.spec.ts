import { ends, HANDSHAKE, rpc, says, SESSION, thinks, update } from '@test/fakes/protocol/acp-lines';
import { Dialogue, dialogueWith } from '@test/fakes/protocol/dialogue';
import { AcpProtocol } from './acp-session';

const T = 'prompt:run-1';

const begun = (): Dialogue => new Dialogue(new AcpProtocol(), dialogueWith()).open().hear(...HANDSHAKE);
const working = (): Dialogue => begun().start(T, 'go');
const originsOf = ({ messages }: Dialogue) => messages.map(({ origin }) => origin);
/** Which messages are pieces of one: `aab`. */
function blocksOf({ messages }: Dialogue): string {
  const blocks = messages.map(({ origin }, at) => origin?.block ?? `alone ${at}`);
  return blocks.map((block) => String.fromCharCode('a'.charCodeAt(0) + [...new Set(blocks)].indexOf(block))).join('');
}
const tool = (fields: object): string => update({ sessionUpdate: 'tool_call', title: 'sh', ...fields });
const ofChild = (line: string): string => line.replace(SESSION, 'child');

describe('where a message comes from', () => {
  it('is its turn, and what the agent names it', () => {
    const dialogue = begun().hear(says('hello')).start(T, 'go');
    dialogue.hear(
      says('a', { messageId: 'm1' }),
      tool({ toolCallId: 'c1' }),
      ends(T),
      says('late', { messageId: 'm2' }),
    );
    expect(originsOf(dialogue)).toMatchObject([
      {},
      { turn: T, messageId: 'm1' },
      { turn: T, toolCallId: 'c1' },
      { turn: T, messageId: 'm2' },
    ]);
    expect(originsOf(dialogue)[0]).not.toHaveProperty('turn');
  });

  it('is the session of a sub-agent', () => {
    const [own, child] = originsOf(working().hear(says('a'), ofChild(says('b'))));
    expect(own).not.toHaveProperty('session');
    expect(child).toMatchObject({ session: 'child', turn: T });
  });

  it('is the tool call that a permission was asked for', () => {
    const params = { sessionId: SESSION, toolCall: { toolCallId: 'c1' }, options: [] };
    expect(originsOf(working().hear(rpc({ id: 9, method: 'session/request_permission', params })))).toMatchObject([
      { toolCallId: 'c1', turn: T },
    ]);
  });

  it('has no name that is none, or too long', () => {
    const [origin] = originsOf(working().hear(says('a', { messageId: 'm'.repeat(201) })));
    expect(origin).not.toHaveProperty('messageId');
    expect(originsOf(working().hear(tool({ toolCallId: 7 })))[0]).not.toHaveProperty('toolCallId');
  });
});

describe('pieces of one message', () => {
  it('are those that the agent calls the same, whatever stands between', () => {
    const named = (text: string, messageId: string): string => says(text, { messageId });
    expect(blocksOf(working().hear(named('a', '1'), thinks('hm'), named('b', '1'), named('c', '2')))).toBe('abac');
  });

  it('without a name are what follows until the agent begins something else', () => {
    const lines = [says('a'), says('b'), thinks('c'), says('d'), tool({ toolCallId: 'c' }), says('e')];
    expect(blocksOf(working().hear(...lines))).toBe('aabcde');
  });

  it('are not broken by what a sub-agent says, by usage, or by lists of commands', () => {
    const between = [
      ofChild(says('x')),
      ofChild(tool({ toolCallId: 'y' })),
      update({ sessionUpdate: 'available_commands_update', availableCommands: [] }),
    ];
    expect(blocksOf(working().hear(says('a'), ...between, says('b')))).toBe('abcda');
  });

  it('are a tool call and its updates, of each session by itself', () => {
    const change = update({ sessionUpdate: 'tool_call_update', toolCallId: 'c', status: 'completed' });
    const lines = [tool({ toolCallId: 'c' }), ofChild(tool({ toolCallId: 'c' })), change, ofChild(change)];
    expect(blocksOf(working().hear(...lines))).toBe('abab');
  });

  it('are all lists of what a session offers, and all states of a plan', () => {
    const offer = (sessionUpdate: string): string => update({ sessionUpdate });
    const plan = update({ sessionUpdate: 'plan', entries: [] });
    expect(
      blocksOf(working().hear(offer('config_option_update'), plan, offer('available_commands_update'), plan)),
    ).toBe('abab');
  });

  it('are the same to a worker that adopts the run in their middle', () => {
    const dialogue = working().hear(says('one '), says('two'));
    const adopter = begun();
    adopter.session.expectTurn(T);
    adopter.hear(says('one '), says('two'), says(' three'));
    const last = dialogue.hear(says(' three')).messages.at(-1)?.origin?.block;
    expect(adopter.messages.at(-1)?.origin?.block).toBe(last);
  });
});
