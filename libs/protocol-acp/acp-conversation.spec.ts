import type { Agent } from '@crewtab/domain/teams/team';
import { ends, HANDSHAKE, INITIALIZED, rpc, says, SESSION, thinks, update } from '@test/fakes/protocol/acp-lines';
import { Dialogue, dialogueWith } from '@test/fakes/protocol/dialogue';
import { AcpProtocol } from './acp-session';

const protocol = new AcpProtocol();
const T = 'prompt:run-1';

function working(agent: Partial<Agent> = {}): Dialogue {
  const dialogue = new Dialogue(protocol, dialogueWith(agent))
    .open()
    .hear(...HANDSHAKE)
    .start(T, 'go');
  dialogue.messages.length = 0;
  dialogue.written.length = 0;
  return dialogue;
}

function sent(dialogue: Dialogue): unknown[] {
  return dialogue.written.map(({ data }) => JSON.parse(data) as unknown);
}

describe('messages', () => {
  const image = {
    sessionUpdate: 'agent_message_chunk',
    content: { type: 'image', data: 'aGk=', mimeType: 'image/png' },
  };
  const call = { sessionUpdate: 'tool_call', toolCallId: 'c1', title: 'ls', kind: 'execute', status: 'pending' };
  const progress = { sessionUpdate: 'tool_call_update', toolCallId: 'c1', status: 'in_progress' };
  const failed = { sessionUpdate: 'tool_call_update', toolCallId: 'c1', status: 'failed', rawOutput: { code: 1 } };
  const plan = { sessionUpdate: 'plan', entries: [{ content: 'look', priority: 'high', status: 'pending' }] };
  const news = { sessionUpdate: 'demo_weather', forecast: 'sunny' };

  it.each([
    ['text', says('hello'), 'agent_message', { text: 'hello' }],
    ['an image', update(image), 'agent_message', image],
    ['a thought', thinks('hm'), 'agent_thought', { text: 'hm' }],
    ['a tool call', update(call), 'tool_call', call],
    ['progress of a tool call', update(progress), 'tool_call', progress],
    ['the end of a tool call', update(failed), 'tool_result', failed],
    ['a plan', update(plan), 'plan', plan],
    ['a kind that is not known', update(news), 'other', news],
    ['an update that is none', rpc({ method: 'session/update', params: { update: 7 } }), 'other', { update: 7 }],
    [
      'a notification that is not known',
      rpc({ method: '_x/ping', params: { n: 1 } }),
      'other',
      { method: '_x/ping', params: { n: 1 } },
    ],
    ['a response to nothing', rpc({ id: 99, result: { a: 1 } }), 'other', { id: 99, result: { a: 1 } }],
    ['JSON of something else', '{"level":"warn","msg":"slow"}', 'other', { level: 'warn', msg: 'slow' }],
    ['a list of something else', '[7]', 'other', { value: 7 }],
    ['a line that is not JSON', 'npm warn deprecated', 'other', { text: 'npm warn deprecated' }],
    ['half a line of JSON', '{"jsonrpc":', 'other', { text: '{"jsonrpc":' }],
    ['a line that only begins like JSON', `[INFO] ${'['.repeat(100)}`, 'other', { text: `[INFO] ${'['.repeat(100)}` }],
  ])('%s is kept by its kind', (_what, line, kind, content) => {
    expect(working().hear(line).told).toEqual([[kind, content]]);
  });

  it.each([
    ["a terminal's title", '\x1b]0;agent\x07'],
    ['progress without a newline', 'Loading 10 %\rLoading 100 %\r'],
    ['a log line with a brace', '{"level": one} '],
  ])('come from behind %s, which is kept', (_what, noise) => {
    expect(working().hear(`${noise}${says('hi')}`).told).toEqual([
      ['other', { text: noise }],
      ['agent_message', { text: 'hi' }],
    ]);
  });

  it('come from behind a byte order mark', () => {
    expect(working().hear(`\ufeff${says('hi')}`).told).toEqual([['agent_message', { text: 'hi' }]]);
  });

  it('are one where a log line only ends with JSON', () => {
    const line = 'INFO request {"id":7,"path":"/"}';
    expect(working().hear(line).told).toEqual([['other', { text: line }]]);
  });

  it('of a sub-agent bear its session', () => {
    const line = says('hi').replace(SESSION, 'child');
    expect(working().hear(line).told).toEqual([['agent_message', { text: 'hi', sessionId: 'child' }]]);
  });

  it('come from each member of a batch, in order', () => {
    const result = { stopReason: 'end_turn', usage: { totalTokens: 7 } };
    expect(working().hear(`[${says('a')},${rpc({ id: T, result })}]`).told).toEqual([
      ['agent_message', { text: 'a' }],
      ['other', { id: T, result }],
    ]);
  });

  it('do not come from the responses that only say that a step was taken', () => {
    expect(working().hear(rpc({ id: T, result: { stopReason: 'end_turn' } })).told).toEqual([]);
  });

  it('do not come from blank lines and empty chunks', () => {
    expect(working().hear('', '  ', '\r', says('')).told).toEqual([]);
  });

  it('bear the agent and the time of reading', () => {
    expect(working().hear(says('a')).messages[0]).toEqual({
      agent: 'writer',
      kind: 'agent_message',
      content: { text: 'a' },
      at: new Date('2026-01-05T09:00:00.000Z'),
      origin: { turn: T, block: expect.any(String) as string },
    });
  });
});

describe('a line beyond the limits', () => {
  const nested = (levels: number): string => '{"a":'.repeat(levels) + '1' + '}'.repeat(levels);
  const batch = (entries: number): string => `[${Array.from({ length: entries }, () => says('a')).join(',')}]`;
  const wide = (values: number): string => rpc({ method: 'x', params: { a: Array.from({ length: values }, () => 1) } });

  it.each([
    ['a batch', batch(1_001), 'batch_limit', 'a batch of more than 1000 messages'],
    ['the depth', nested(65), 'json_limit', 'JSON that is nested deeper than 64 levels'],
    ['the depth, of arrays alone', '['.repeat(100_000), 'json_limit', 'JSON that is nested deeper than 64 levels'],
    ['the number of values', wide(100_001), 'json_limit', 'JSON of more than 100000 values in one line'],
  ])('of %s is not parsed, and ends the run', (_what, line, code, words) => {
    const parse = jest.spyOn(JSON, 'parse');
    const session = protocol.begin(dialogueWith());
    const reaction = session.receive({ stream: 'stdout', index: 0, text: line }, new Date(0));
    expect(parse).not.toHaveBeenCalled();
    expect(reaction).toEqual({
      messages: [],
      outgoing: [],
      failure: { code, message: `agent "writer" wrote ${words}` },
    });
  });

  it.each([
    ['a batch', batch(1_000), 1_000],
    ['the depth', nested(64), 1],
    ['the number of values', wide(99_000), 1],
  ])('is told from one that just keeps within %s', (_what, line, messages) => {
    const reaction = protocol.begin(dialogueWith()).receive({ stream: 'stdout', index: 0, text: line }, new Date(0));
    expect(reaction.failure).toBeUndefined();
    expect(reaction.messages).toHaveLength(messages);
  });
});

describe('what an agent may make the worker keep', () => {
  it('is no id that is longer than a thousand characters', () => {
    const dialogue = working().hear(rpc({ id: 'x'.repeat(1_001), method: 'x', params: {} }));
    expect(sent(dialogue)).toEqual([]);
  });

  it('is the answers to its last thousand requests, which are repeated after adoption', () => {
    const dialogue = working().hear(...Array.from({ length: 1_500 }, (_, id) => rpc({ id, method: 'x' })));
    const repeated = dialogue.session
      .resume()
      .slice(1)
      .map(({ data }) => (JSON.parse(data) as { id: number }).id);
    expect(repeated).toEqual(Array.from({ length: 1_000 }, (_, index) => 500 + index));
  });

  it('is the beginning of an error that ends its turn', () => {
    const dialogue = working().hear(rpc({ id: T, error: { code: 1, message: 'x'.repeat(100_000) } }));
    const turn = dialogue.session.state.turns.get(T);
    expect(turn).toMatchObject({ status: 'failed' });
    expect(JSON.stringify(turn).length).toBeLessThan(3_000);
  });
});

describe('requests of the agent', () => {
  const option = (optionId: string, kind?: string): object => ({ optionId, name: optionId, kind });
  const ask = (...options: object[]): string =>
    rpc({
      id: 'q',
      method: 'session/request_permission',
      params: { sessionId: SESSION, toolCall: { toolCallId: 'c1' }, options },
    });

  it.each([
    ['twice for once', [option('drop', 'allow_once'), option('keep', 'allow_once'), option('no', 'reject_once')]],
    ['twice for ever', [option('a', 'allow_always'), option('b', 'allow_always')]],
    ['in two ways that are not known', [option('a', 'x'), option('b', 'y')]],
  ])('that offer a yes %s are a choice, and are cancelled', (_what, options) => {
    const dialogue = working().hear(ask(...options));
    expect(sent(dialogue)).toEqual([{ jsonrpc: '2.0', id: 'q', result: { outcome: { outcome: 'cancelled' } } }]);
  });

  it.each([
    [
      'allow',
      'allow_once, wherever it stands',
      [option('always', 'allow_always'), option('once', 'allow_once')],
      'once',
      'allowed',
    ],
    [
      'allow',
      'allow_always, if there is no other',
      [option('no', 'reject_once'), option('always', 'allow_always')],
      'always',
      'allowed',
    ],
    [
      'allow',
      'what is at least no rejection',
      [option('no', 'reject_once'), option('maybe', 'ask_later')],
      'maybe',
      'allowed',
    ],
    ['allow', 'nothing, if all is rejection', [option('no', 'reject_once')], null, 'cancelled'],
    [
      'deny',
      'reject_once',
      [option('once', 'allow_once'), option('never', 'reject_always'), option('no', 'reject_once')],
      'no',
      'denied',
    ],
    ['deny', 'reject_always, if there is no other', [option('never', 'reject_always')], 'never', 'denied'],
    ['deny', 'nothing, if no rejection is offered', [option('once', 'allow_once')], null, 'cancelled'],
  ] as const)('under %s a permission is answered with %s', (permissions, _what, options, optionId, decision) => {
    const dialogue = working({ permissions }).hear(ask(...options));
    const outcome = optionId === null ? { outcome: 'cancelled' } : { outcome: 'selected', optionId };
    expect(sent(dialogue)).toEqual([{ jsonrpc: '2.0', id: 'q', result: { outcome } }]);
    expect(dialogue.told).toEqual([
      [
        'permission',
        {
          request: { sessionId: SESSION, toolCall: { toolCallId: 'c1' }, options },
          option: options.find((each) => 'optionId' in each && each.optionId === optionId) ?? null,
          decision,
          rule: null,
        },
      ],
    ]);
  });

  it('are allowed where the agent says nothing of permissions', () => {
    expect(sent(working().hear(ask(option('once', 'allow_once'))))).toMatchObject([
      { result: { outcome: { optionId: 'once' } } },
    ]);
  });

  it('that are not supported are answered, so that the agent does not wait, and kept', () => {
    const dialogue = working().hear(rpc({ id: 0, method: 'fs/read_text_file', params: { path: '/etc/passwd' } }));
    expect(sent(dialogue)).toEqual([
      { jsonrpc: '2.0', id: 0, error: { code: -32601, message: 'Crewtab does not offer fs/read_text_file' } },
    ]);
    expect(dialogue.told).toEqual([['other', { method: 'fs/read_text_file', params: { path: '/etc/passwd' } }]]);
  });
});

describe('adoption', () => {
  const ask = (id: number, toolCallId: string): string =>
    rpc({
      id,
      method: 'session/request_permission',
      params: { toolCall: { toolCallId }, options: [{ optionId: 'y', name: 'y', kind: 'allow_once' }] },
    });
  const adopted = (agent: Partial<Agent>, ...lines: string[]): Dialogue =>
    new Dialogue(protocol, dialogueWith(agent)).hear(...lines);
  const resumed = (dialogue: Dialogue): unknown[] => {
    const [first, ...rest] = dialogue.session.resume();
    expect(first).toEqual({ data: '\n' });
    return rest.map(({ data }) => JSON.parse(data) as unknown);
  };

  it('asks again for what the agent has not answered of the handshake', () => {
    expect(resumed(adopted({}))).toMatchObject([{ id: 1 }]);
    expect(resumed(adopted({}, INITIALIZED))).toMatchObject([{ id: 3, method: 'session/new' }]);
    expect(resumed(adopted({ mode: 'plan' }, ...HANDSHAKE))).toMatchObject([{ id: 4 }]);
    expect(resumed(adopted({}, ...HANDSHAKE))).toEqual([]);
  });

  it('answers again what the agent asked in the open turn, except where it has shown that it read the answer', () => {
    const ended = update({ sessionUpdate: 'tool_call_update', toolCallId: 'c1', status: 'completed' });
    const dialogue = adopted({}, ...HANDSHAKE);
    dialogue.session.expectTurn(T);
    dialogue.hear(ask(1, 'c1'), ended, ask(2, 'c2'), rpc({ id: 3, method: 'terminal/create', params: {} }));
    expect(resumed(dialogue)).toMatchObject([
      { id: 2, result: { outcome: { optionId: 'y' } } },
      { id: 3, error: { code: -32601 } },
    ]);
    expect(resumed(dialogue.hear(ends(T)))).toEqual([]);
  });
});

describe('real agents', () => {
  it("are understood: a turn of Claude Code's adapter", () => {
    const dialogue = working().hear(
      update({
        sessionUpdate: 'available_commands_update',
        availableCommands: [{ name: 'compact', description: '…', input: null }],
      }),
      thinks('The user wants the tests to pass.'),
      says("I'll run "),
      says('the tests.'),
      update({
        _meta: { claudeCode: { toolName: 'Bash' } },
        toolCallId: 'toolu_01',
        sessionUpdate: 'tool_call',
        rawInput: {},
        status: 'pending',
        title: 'Terminal',
        kind: 'execute',
        content: [],
      }),
      update({
        _meta: { claudeCode: { toolName: 'Bash' } },
        toolCallId: 'toolu_01',
        sessionUpdate: 'tool_call_update',
        rawInput: { command: 'npm test' },
        title: '`npm test`',
        kind: 'execute',
      }),
      rpc({
        id: 0,
        method: 'session/request_permission',
        params: {
          options: [
            { kind: 'allow_always', name: 'Always Allow', optionId: 'allow_always' },
            { kind: 'allow_once', name: 'Allow', optionId: 'allow' },
            { kind: 'reject_once', name: 'Reject', optionId: 'reject' },
          ],
          sessionId: SESSION,
          toolCall: { toolCallId: 'toolu_01', rawInput: { command: 'npm test' }, title: '`npm test`' },
        },
      }),
      update({
        _meta: { claudeCode: { toolResponse: { stdout: '12 passed' }, toolName: 'Bash' } },
        toolCallId: 'toolu_01',
        sessionUpdate: 'tool_call_update',
      }),
      update({
        toolCallId: 'toolu_01',
        sessionUpdate: 'tool_call_update',
        status: 'completed',
        rawOutput: '12 passed',
      }),
      update({
        sessionUpdate: 'plan',
        entries: [{ content: 'Run the tests', status: 'completed', priority: 'medium' }],
      }),
      says('All 12 tests '),
      says('pass.'),
      update({ sessionUpdate: 'usage_update', used: 21_503, size: 200_000, cost: { amount: 0.0312, currency: 'USD' } }),
      rpc({ id: T, result: { stopReason: 'end_turn', usage: { inputTokens: 5, outputTokens: 80, totalTokens: 85 } } }),
    );
    expect(dialogue.session.state.turns.get(T)).toEqual({ status: 'done', text: 'All 12 tests pass.' });
    expect(dialogue.messages.map(({ kind }) => kind)).toEqual([
      'other',
      'agent_thought',
      'agent_message',
      'agent_message',
      'tool_call',
      'tool_call',
      'permission',
      'tool_call',
      'tool_result',
      'plan',
      'agent_message',
      'agent_message',
      'other',
      'other',
    ]);
    expect(sent(dialogue)).toEqual([
      { jsonrpc: '2.0', id: 0, result: { outcome: { outcome: 'selected', optionId: 'allow' } } },
    ]);
  });

  it("are understood: a turn of Codex's adapter", () => {
    const dialogue = working().hear(
      update({ sessionUpdate: 'session_info_update', title: 'Event mapping', _meta: { codex: { goal: null } } }),
      update({
        sessionUpdate: 'agent_message_chunk',
        messageId: 'm-1',
        content: { type: 'text', text: 'Checking the mapping.' },
        _meta: { codex: { phase: 'commentary' } },
      }),
      update({
        sessionUpdate: 'tool_call',
        toolCallId: 'item-1',
        kind: 'execute',
        title: 'git status',
        status: 'in_progress',
        content: [{ type: 'terminal', terminalId: 'item-1' }],
      }),
      update({
        sessionUpdate: 'tool_call_update',
        toolCallId: 'item-1',
        _meta: { terminal_output: { data: 'clean\n', terminal_id: 'item-1' } },
      }),
      update({
        sessionUpdate: 'tool_call_update',
        toolCallId: 'item-1',
        status: 'completed',
        rawOutput: { exit_code: 0 },
      }),
      update({ sessionUpdate: 'plan_update', plan: { type: 'markdown', id: 'p', content: '- look' } }),
      update({
        sessionUpdate: 'agent_message_chunk',
        messageId: 'm-2',
        content: { type: 'text', text: 'Still looking.' },
        _meta: { codex: { phase: 'commentary' } },
      }),
      update({
        sessionUpdate: 'agent_message_chunk',
        messageId: 'm-3',
        content: { type: 'text', text: 'It is ' },
        _meta: { codex: { phase: 'final_answer' } },
      }),
      update({
        sessionUpdate: 'agent_message_chunk',
        messageId: 'm-3',
        content: { type: 'text', text: 'clean.' },
        _meta: { codex: { phase: 'final_answer' } },
      }),
      update({ sessionUpdate: 'usage_update', used: 9_120, size: 272_000 }),
      rpc({
        id: T,
        result: { stopReason: 'end_turn', usage: null, _meta: { quota: { token_count: { total_tokens: 9_120 } } } },
      }),
    );
    expect(dialogue.session.state.turns.get(T)).toEqual({ status: 'done', text: 'It is clean.' });
    expect(dialogue.messages.map(({ kind }) => kind)).toEqual([
      'other',
      'agent_message',
      'tool_call',
      'tool_call',
      'tool_result',
      'other',
      'agent_message',
      'agent_message',
      'agent_message',
      'other',
      'other',
    ]);
  });
});
