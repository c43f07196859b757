import { joinPieces } from './joined-conversation';
import { MESSAGE_PAGE, type ListedMessage, type MessageContent, type MessageKind } from './message';

const at = (seq: number): Date => new Date(Date.UTC(2026, 0, 1, 9, 0, seq));
const piece = (
  seq: number,
  kind: MessageKind,
  content: MessageContent,
  more: Partial<ListedMessage> = {},
): ListedMessage => ({
  ...{ seq, at: at(seq), agent: 'lead', kind, content },
  ...more,
});
function join(...read: ListedMessage[]) {
  const last = read.at(-1);
  if (!last) throw new Error('no piece');
  return joinPieces({ read, count: read.length, last });
}
const block = (text: string) => [{ type: 'content', content: { type: 'text', text } }];
const delta = (data: string) => ({ _meta: { terminal_output_delta: { data, terminal_id: 't' }, kept: 1 } });

it('makes one text of the pieces of a message, at the place of the first', () => {
  const joined = join(
    piece(3, 'agent_message', { text: 'The answer ' }, { origin: { messageId: 'm', block: 'b' } }),
    piece(9, 'agent_message', { text: 'has two halves.' }),
  );
  expect(joined).toEqual({
    ...{ seq: 3, at: at(3), agent: 'lead', kind: 'agent_message', content: { text: 'The answer has two halves.' } },
    ...{ origin: { messageId: 'm', block: 'b' }, pieces: 2, lastSeq: 9, endedAt: at(9) },
  });
});

it('leaves alone what has no pieces', () => {
  const content = { toolCall: { title: 'x' } };
  expect(join(piece(1, 'permission', content))).toMatchObject({ content, pieces: 1, lastSeq: 1 });
});

it('makes one call of its updates, with how it ended and what it gave', () => {
  const joined = join(
    piece(1, 'tool_call', {
      toolCallId: 'c',
      title: 'sh',
      kind: 'execute',
      status: 'pending',
      rawInput: { cmd: 'make' },
    }),
    piece(2, 'tool_call', { toolCallId: 'c', status: 'in_progress', content: block('one') }),
    piece(5, 'tool_result', { toolCallId: 'c', status: 'completed', title: null, content: block('one\ntwo') }),
  );
  expect(joined.kind).toBe('tool_call');
  expect(joined.content).toEqual({
    ...{ sessionUpdate: 'tool_call', toolCallId: 'c', title: 'sh', kind: 'execute', status: 'completed' },
    ...{ rawInput: { cmd: 'make' }, content: block('one\ntwo'), output: 'one\ntwo' },
  });
  expect(
    join(piece(1, 'tool_call', { content: block('a') }), piece(2, 'tool_call', { content: block('b') })).content,
  ).toMatchObject({
    output: 'a\nb',
  });
});

it('puts together what a shell wrote piece by piece', () => {
  const { content } = join(
    piece(1, 'tool_call', { toolCallId: 'c', title: 'sh' }),
    piece(2, 'tool_call', delta('compi')),
    piece(3, 'tool_call', delta('led\n')),
    piece(4, 'tool_result', { status: 'completed' }),
  );
  expect(content).toMatchObject({ output: 'compiled\n', status: 'completed', _meta: { kept: 1 } });
  expect(JSON.stringify(content)).not.toContain('terminal_output_delta');
});

it('keeps the last of a plan, and of the lists of what a session offers one in words', () => {
  expect(join(piece(1, 'plan', { entries: [1] }), piece(2, 'plan', { entries: [2] })).content).toEqual({
    entries: [2],
  });
  const offer = (content: MessageContent): ListedMessage => piece(1, 'other', content);
  const joined = join(
    offer({ sessionUpdate: 'available_commands_update', availableCommands: [{ name: 'init' }, { name: 'old' }] }),
    offer({ sessionUpdate: 'config_option_update', configOptions: [{ id: 'model', currentValue: 'big' }] }),
    offer({ sessionUpdate: 'available_commands_update', availableCommands: [{ name: 'init' }] }),
    offer({ sessionUpdate: 'current_mode_update', currentModeId: 'plan' }),
  );
  expect(joined).toMatchObject({
    kind: 'system',
    content: {
      text: 'lead offers the commands init; the options model = big, mode = plan',
      ...{ commands: ['init'], options: { model: 'big', mode: 'plan' } },
    },
  });
  expect(join(offer({ sessionUpdate: 'available_commands_update', availableCommands: 'odd' })).content['text']).toBe(
    'lead offers no commands',
  );
});

it('is truncated where it is long, where pieces are missing, and where one is', () => {
  const long = join(
    piece(1, 'agent_message', { text: 'x'.repeat(50_000) }),
    piece(2, 'agent_message', { text: '🙂'.repeat(20_000) }),
  );
  expect(long.isTruncated).toBe(true);
  expect(JSON.stringify(long.content).length).toBeLessThanOrEqual(MESSAGE_PAGE.beginning + 20);
  expect(String(long.content['text']).isWellFormed()).toBe(true);
  const call = join(
    piece(1, 'tool_call', { toolCallId: 'c', title: 'sh' }),
    piece(2, 'tool_result', { status: 'failed', ...delta('y'.repeat(100_000)) }),
  );
  expect(call).toMatchObject({ isTruncated: true, content: { title: 'sh', status: 'failed' } });
  const huge = join(piece(1, 'tool_call', { rawInput: 'z'.repeat(100_000) }), piece(2, 'tool_result', {}));
  expect(huge.content).toEqual({ text: expect.stringMatching(/^\{"rawInput":"zz/) as string });
  const [first, last] = [piece(1, 'agent_message', { text: 'a' }), piece(7, 'agent_message', { text: 'b' })];
  expect(joinPieces({ read: [first], count: 3, last })).toMatchObject({ isTruncated: true, pieces: 3, lastSeq: 7 });
  expect(join(first, { ...last, isTruncated: true }).isTruncated).toBe(true);
});
