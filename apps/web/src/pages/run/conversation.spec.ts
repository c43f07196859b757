import { expect, it } from 'vitest';
import type { Message } from '../../api/client';
import { Conversation } from './conversation';

let seq = 0;
function message(kind: Message['kind'], content: Message['content'], agent: string | null = 'lead'): Message {
  seq += 1;
  return { seq, at: `2026-11-30T12:00:${String(seq % 60).padStart(2, '0')}.000Z`, agent, kind, content };
}
const says = (text: string, agent = 'lead') => message('agent_message', { text }, agent);

function fold(...messages: Message[]) {
  const conversation = new Conversation();
  conversation.add(messages);
  return conversation.entries;
}

it('joins what an agent says in pieces, also while another one speaks', () => {
  const entries = fold(says('one '), says('ONE ', 'analyst'), says('two'), says('TWO', 'analyst'));
  expect(entries).toMatchObject([
    { kind: 'says', text: 'one two', place: { agent: 'lead' } },
    { kind: 'says', text: 'ONE TWO', place: { agent: 'analyst' } },
  ]);
});

it('knows the row of each message, also of a piece that comes late', () => {
  const conversation = new Conversation();
  const [one, two, three] = [says('one '), message('agent_thought', { text: 'hm' }, 'analyst'), says('two')];
  conversation.add([one, two]);
  conversation.add([three]);
  expect([one, two, three].map((each) => conversation.placeOf(each.seq))).toEqual([one.seq, two.seq, one.seq]);
  expect(conversation.placeOf(three.seq + 1)).toBeUndefined();
});

it('tells of the files that were kept and of the checks', () => {
  const checks = [{ kind: 'file', name: 'a.md', status: 'failed', message: 'is not there', ms: 2 }];
  const artifacts = [{ path: 'out/a.md', bytes: 3, digest: 'd', contentType: 'text/markdown' }];
  const entries = fold(
    message('verification', { text: 'It failed.', status: 'failed', checks }, null),
    message('artifact', { text: '1 file was kept', count: 1, bytes: 3, artifacts }, null),
  );
  expect(entries).toMatchObject([
    { kind: 'verification', isFailed: true, checks: [{ name: 'a.md', isFailed: true, message: 'is not there' }] },
    { kind: 'artifact', count: 1, bytes: 3, paths: ['out/a.md'] },
  ]);
});

it('joins a message that the agent names, whatever stands between, and keeps two of them apart', () => {
  const named = (text: string, messageId: string, more: Partial<Message> = {}) => ({
    ...says(text),
    messageId,
    ...more,
  });
  const entries = fold(
    named('The answer ', 'm1'),
    message('agent_thought', { text: 'hm' }),
    named('has two halves.', 'm1'),
    named('Another.', 'm2'),
    named('of the child', 'm1', { session: 'child' }),
  );
  expect(entries).toMatchObject([
    { kind: 'says', text: 'The answer has two halves.' },
    { kind: 'thinks' },
    { kind: 'says', text: 'Another.' },
    { kind: 'says', text: 'of the child', place: { session: 'child' } },
  ]);
});

it('makes one row of the lists of commands and options of a session', () => {
  const offer = (content: Message['content']) => message('other', content);
  const entries = fold(
    offer({ sessionUpdate: 'available_commands_update', availableCommands: [{ name: 'init' }, { name: 'help' }] }),
    says('hello '),
    offer({ sessionUpdate: 'available_commands_update', availableCommands: [{ name: 'init' }] }),
    offer({ sessionUpdate: 'current_mode_update', currentModeId: 'plan' }),
    says('there'),
  );
  expect(entries).toMatchObject([
    { kind: 'system', text: 'offers the commands init; the mode plan' },
    { kind: 'says', text: 'hello there' },
  ]);
});

it('begins anew after a thought, a tool or a plan', () => {
  const entries = fold(
    says('a'),
    message('agent_thought', { text: 'hm' }),
    says('b'),
    message('plan', { entries: [] }),
    says('c'),
  );
  expect(entries.map(({ kind }) => kind)).toEqual(['says', 'thinks', 'says', 'plan', 'says']);
});

it('makes one card of a tool call, its progress and its result', () => {
  const text = (words: string) => [{ type: 'content', content: { type: 'text', text: words } }];
  const entries = fold(
    message('tool_call', { toolCallId: '1', title: 'search', kind: 'search', status: 'pending', rawInput: { q: 'x' } }),
    message('tool_call', { toolCallId: '1', status: 'in_progress', content: text('first') }),
    message('tool_call', { toolCallId: '1', title: 'of another agent' }, 'analyst'),
    message('tool_result', { toolCallId: '1', status: 'completed', content: text('second') }),
  );
  expect(entries).toMatchObject([
    { kind: 'tool', title: 'search', state: 'completed', input: { q: 'x' }, output: 'first\nsecond' },
    { kind: 'tool', title: 'of another agent', state: 'open', endedAt: null },
  ]);
});

it('puts the answer of a delegation beside its task', () => {
  const entries = fold(
    message('delegation', { id: 'd', to: 'analyst', task: 'count' }),
    message('delegation', { id: 'd', to: 'lead', text: '13 files' }, 'analyst'),
  );
  expect(entries).toMatchObject([{ kind: 'delegation', to: 'analyst', task: 'count', answer: '13 files' }]);
});

it('takes each message once, and keeps rows that did not change', () => {
  const conversation = new Conversation();
  const [first, second] = [says('a'), says('b', 'analyst')];
  conversation.add([first, second]);
  const before = conversation.entries;
  conversation.add([first, second, says('c', 'analyst')]);
  expect(conversation.entries).toHaveLength(2);
  expect(conversation.entries[0]).toBe(before[0]);
  expect(conversation.entries[1]).toMatchObject({ text: 'bc' });
  expect(before[1]).toMatchObject({ text: 'b' });
});

it('keeps kinds that it does not know', () => {
  expect(fold(message('other', { words: 'new' }))).toMatchObject([{ kind: 'other', name: 'other' }]);
});

it('shows files that a tool changed, and what a shell wrote piece by piece', () => {
  const diff = { type: 'diff', path: 'a.txt', oldText: 'one', newText: 'two' };
  const piece = (data: string) => ({ toolCallId: '1', _meta: { terminal_output_delta: { data, terminal_id: 't' } } });
  const entries = fold(
    message('tool_call', { toolCallId: '1', title: 'sh', content: [diff] }),
    message('tool_result', piece('compi')),
    message('tool_result', piece('led\n')),
  );
  expect(entries).toMatchObject([
    { output: 'compiled\n', diffs: [{ path: 'a.txt', before: 'one', after: 'two' }], state: 'open' },
  ]);
});

it('says what an agent asked leave for and what it was answered', () => {
  const request = { toolCall: { title: 'delete x' }, options: [] };
  expect(
    fold(
      message('permission', { request, option: { name: 'Allow once' }, decision: 'allowed' }),
      message('permission', { odd: true }),
    ),
  ).toMatchObject([
    { kind: 'permission', title: 'delete x', option: 'Allow once', decision: 'allowed' },
    { kind: 'permission', title: 'a permission', option: '', decision: 'cancelled' },
  ]);
});

it('tells a task that came to nothing from one that was answered', () => {
  const entries = fold(
    message('delegation', { id: 'd', to: 'analyst', task: 'count' }),
    message('delegation', { id: 'd', error: 'it went away' }, 'analyst'),
  );
  expect(entries).toMatchObject([{ answer: 'it went away', isFailed: true }]);
});
