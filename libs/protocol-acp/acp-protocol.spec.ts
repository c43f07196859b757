import {
  ends,
  HANDSHAKE,
  INITIALIZED,
  rpc,
  says,
  SESSION,
  SESSION_MADE,
  thinks,
  update,
} from '@test/fakes/protocol/acp-lines';
import { Dialogue, dialogueWith } from '@test/fakes/protocol/dialogue';
import { protocolContract } from '@test/contracts/protocol-contract';
import type { Agent } from '@crewtab/domain/teams/team';
import fc from 'fast-check';
import { wireIdOf } from './acp-messages';
import { AcpProtocol } from './acp-session';

const protocol = new AcpProtocol();
const T = 'prompt:run-1';

const json = fc.jsonValue();
const nearMisses = fc
  .oneof(
    fc.record(
      {
        method: fc.constantFrom('session/update', 'session/request_permission', 'fs/read_text_file', 'session/cancel'),
        id: json,
        params: json,
      },
      { requiredKeys: ['method'] },
    ),
    fc.record({
      method: fc.constant('session/update'),
      params: fc.record({
        update: fc.record({
          sessionUpdate: fc.constantFrom(
            'agent_message_chunk',
            'agent_thought_chunk',
            'tool_call',
            'tool_call_update',
            'plan',
            'zzz',
          ),
          content: fc.oneof(json, fc.record({ type: fc.constant('text'), text: json })),
          status: json,
          toolCallId: json,
        }),
      }),
    }),
    fc.record({
      method: fc.constant('session/request_permission'),
      id: fc.integer(),
      params: fc.record({ options: fc.array(json), toolCall: json }),
    }),
    fc.record({ id: fc.oneof(fc.constantFrom('session', 'mode'), json), result: json }),
    fc.record({ id: json, error: json }),
    fc.array(json),
  )
  .map((value) => JSON.stringify(value))
  // A well-formed answer to the handshake, or a text beside the turn's own, is not garbage.
  .filter((line) => !line.includes('"initialize"'));

protocolContract('AcpProtocol', {
  protocol,
  agent: { instructions: 'Be brief.' },
  handshake: HANDSHAKE,
  turn: (id, text) => [thinks('hm'), says(text.slice(0, 3)), says(text.slice(3)), ends(id)],
  endsByExit: false,
  nearMisses,
});

function begin(agent: Partial<Agent> = {}): Dialogue {
  return new Dialogue(protocol, dialogueWith(agent)).open();
}

function ready(agent: Partial<Agent> = {}): Dialogue {
  return begin(agent).hear(...HANDSHAKE);
}

function turnOf(...lines: string[]): Dialogue {
  return ready()
    .start(T, 'go')
    .hear(...lines);
}

function sent(dialogue: Dialogue): Record<string, unknown>[] {
  return dialogue.written.map(({ data }) => JSON.parse(data) as Record<string, unknown>);
}

describe('the handshake', () => {
  it('asks for version 1 without files and terminals, then for a session in the workspace, with fixed ids', () => {
    const dialogue = ready();
    expect(sent(dialogue)).toEqual([
      {
        jsonrpc: '2.0',
        id: 1,
        method: 'initialize',
        params: {
          protocolVersion: 1,
          clientCapabilities: {
            fs: { readTextFile: false, writeTextFile: false },
            terminal: false,
            session: { notices: {} },
            _meta: {
              jetbrains: { air: { version: 1, capabilities: ['sessionFailure'] } },
              'subagent-transcript': true,
            },
          },
          clientInfo: { name: 'crewtab', title: 'Crewtab', version: '0.1.0' },
        },
      },
      { jsonrpc: '2.0', id: 3, method: 'session/new', params: { cwd: '/workspace', mcpServers: [] } },
    ]);
    expect(dialogue.session.state.handshake).toEqual({ status: 'ready' });
  });

  it('hands the team tools over as an MCP server over stdio, and the working directory as the agent sees it', () => {
    const tools = { command: 'node', args: ['/opt/bridge.js'], env: { CREWTAB_AGENT: 'writer' } };
    const options = { ...dialogueWith({}, tools), cwd: '/data/run-1' };
    const dialogue = new Dialogue(protocol, options).open().hear(INITIALIZED);
    expect(sent(dialogue)[1]).toMatchObject({
      params: {
        cwd: '/data/run-1',
        mcpServers: [
          {
            name: 'crewtab-team',
            command: 'node',
            args: ['/opt/bridge.js'],
            env: [{ name: 'CREWTAB_AGENT', value: 'writer' }],
          },
        ],
      },
    });
  });

  const HTTP = { name: 'tracker', url: 'https://mcp.example.com/mcp', headers: { Authorization: 'Bearer x' } };
  const initialized = (agentCapabilities: object): string =>
    rpc({ id: 1, result: { protocolVersion: 1, agentCapabilities } });

  it("hands the user's MCP servers over, behind the tools of the team", () => {
    const tools = { command: 'node', args: ['/opt/bridge.js'], env: {} };
    const mcpServers = [{ name: 'files', command: 'mcp-files', args: ['--all'], env: { TOKEN: 't' } }, HTTP];
    const dialogue = new Dialogue(protocol, dialogueWith({ mcpServers }, tools))
      .open()
      .hear(initialized({ mcpCapabilities: { http: true } }));
    const { params } = sent(dialogue)[1] as { readonly params: { readonly mcpServers: unknown[] } };
    expect(params.mcpServers).toEqual([
      { name: 'crewtab-team', command: 'node', args: ['/opt/bridge.js'], env: [] },
      { name: 'files', command: 'mcp-files', args: ['--all'], env: [{ name: 'TOKEN', value: 't' }] },
      {
        type: 'http',
        name: 'tracker',
        url: 'https://mcp.example.com/mcp',
        headers: [{ name: 'Authorization', value: 'Bearer x' }],
      },
    ]);
  });

  it.each([[{}], [{ mcpCapabilities: { http: false } }], [{ mcpCapabilities: 7 }]])(
    'fails for an agent that takes none over HTTP, as %p says',
    (capabilities) => {
      const options = dialogueWith({ mcpServers: [HTTP] });
      const dialogue = new Dialogue(protocol, options).open().hear(initialized(capabilities));
      const message = 'agent "writer" takes no MCP servers over HTTP, and is to have tracker';
      const failure = { code: 'handshake_failed', message };
      expect(dialogue.session.state.handshake).toEqual({ status: 'failed', failure });
    },
  );

  it('sets the mode, and is ready only when that is answered', () => {
    const dialogue = ready({ mode: 'bypassPermissions' });
    expect(dialogue.session.state.handshake).toEqual({ status: 'pending' });
    expect(sent(dialogue).at(-1)).toMatchObject({
      id: 4,
      method: 'session/set_mode',
      params: { sessionId: SESSION, modeId: 'bypassPermissions' },
    });
    dialogue.hear(rpc({ id: 4, result: null }));
    expect(dialogue.session.state.handshake).toEqual({ status: 'ready' });
  });

  it.each([
    ['another version', [rpc({ id: 1, result: { protocolVersion: 2 } })], 'speaks version 2'],
    ['no version', [rpc({ id: 1, result: {} })], 'speaks version none'],
    [
      'an error',
      [rpc({ id: 1, error: { code: -32603, message: 'Internal error', data: { details: 'no disk' } } })],
      'Internal error: no disk',
    ],
    ['no session id', [INITIALIZED, rpc({ id: 3, result: {} })], 'without a session id'],
    ['a malformed error', [INITIALIZED, rpc({ id: 3, error: 'no' })], 'answered session/new with an error: no'],
  ])('fails on %s, in the words of the agent', (_what, lines, words) => {
    const { handshake } = begin().hear(...lines).session.state;
    expect(handshake).toMatchObject({ status: 'failed', failure: { code: 'handshake_failed' } });
    expect(handshake.status === 'failed' && handshake.failure.message).toContain(words);
  });

  describe('that wants a login', () => {
    const wanted = rpc({ id: 3, error: { code: -32000, message: 'Authentication required' } });
    const begunWith = (authMethods: readonly object[], env: Record<string, string> = {}): Dialogue =>
      begin({ env }).hear(rpc({ id: 1, result: { protocolVersion: 1, authMethods } }), wanted);
    const key = (id: string, ...names: string[]): object => ({
      id,
      name: id,
      type: 'env_var',
      vars: names.map((name) => ({ name })),
    });

    it.each([
      ['the only way', [{ id: 'a', name: 'A' }], {}, 'a'],
      [
        'the only way without a terminal',
        [
          { id: 'a', name: 'A', type: 'terminal' },
          { id: 'b', name: 'B' },
        ],
        {},
        'b',
      ],
      [
        'the only way whose key it has',
        [{ id: 'a', name: 'A' }, key('b', 'B_KEY'), key('c', 'C_KEY')],
        { C_KEY: 'x' },
        'c',
      ],
    ])('takes %s, and asks for the session again', (_what, methods, env, chosen) => {
      const dialogue = begunWith(methods, env);
      expect(sent(dialogue).at(-1)).toMatchObject({ id: 2, method: 'authenticate', params: { methodId: chosen } });
      dialogue.hear(rpc({ id: 2, result: {} }));
      expect(sent(dialogue).at(-1)).toMatchObject({ id: 3, method: 'session/new' });
      dialogue.hear(SESSION_MADE);
      expect(dialogue.session.state.handshake).toEqual({ status: 'ready' });
    });

    it('fails when it is wanted again, or refused', () => {
      const methods = [{ id: 'a', name: 'A' }];
      const again = begunWith(methods).hear(rpc({ id: 2, result: {} }), wanted);
      expect(again.session.state.handshake).toMatchObject({ status: 'failed' });
      const refused = begunWith(methods).hear(rpc({ id: 2, error: { code: 1, message: 'bad key' } }));
      expect(refused.session.state.handshake).toMatchObject({
        failure: { message: expect.stringMatching(/refused to log in by "A": bad key. Check its API key/) as string },
      });
    });
  });

  it('says what to do when the agent wants a login and offers several', () => {
    const methods = [{ id: 'claude-login', name: 'Log in with Claude Code', description: null }];
    const { handshake } = begin().hear(
      rpc({ id: 1, result: { protocolVersion: 1, authMethods: [...methods, { id: 'x', name: 'Ask a friend' }] } }),
      rpc({ id: 3, error: { code: -32000, message: 'Authentication required' } }),
    ).session.state;
    const message = handshake.status === 'failed' ? handshake.failure.message : '';
    expect(message).toContain('auth_required');
    expect(message).toContain("in the agent's env");
    expect(message).toContain('Log in with Claude Code');
  });

  it('names the modes that there are when the mode is refused', () => {
    const modes = {
      currentModeId: 'default',
      availableModes: [
        { id: 'default', name: 'Default' },
        { id: 'plan', name: 'Plan' },
      ],
    };
    const { handshake } = begin({ mode: 'yolo' }).hear(
      INITIALIZED,
      rpc({ id: 3, result: { sessionId: SESSION, modes } }),
      rpc({ id: 4, error: { code: -32602, message: 'Invalid params' } }),
    ).session.state;
    expect(handshake).toMatchObject({
      failure: {
        code: 'handshake_failed',
        message: 'agent "writer" refused the mode "yolo": Invalid params; it has default, plan',
      },
    });
  });

  it('takes the first of two answers to one request, as they come after an adoption', () => {
    const dialogue = begin().hear(
      INITIALIZED,
      INITIALIZED,
      SESSION_MADE,
      rpc({ id: 3, result: { sessionId: 'other' } }),
    );
    dialogue.start(T, 'go');
    expect(sent(dialogue).at(-1)).toMatchObject({ params: { sessionId: SESSION } });
    expect(sent(dialogue).filter(({ method }) => method === 'session/new')).toHaveLength(1);
  });

  it('does not begin a turn before it is over', () => {
    expect(() => begin().start(T, 'go')).toThrow('has not answered the handshake');
  });
});

describe('a turn', () => {
  it('sends the instructions once, before the first prompt', () => {
    const dialogue = ready({ instructions: 'Be brief.' }).start(T, 'one').hear(ends(T)).start('delegate:2', 'two');
    expect(sent(dialogue).slice(-2)).toEqual([
      {
        jsonrpc: '2.0',
        id: wireIdOf(T),
        method: 'session/prompt',
        params: {
          sessionId: SESSION,
          _meta: { crewtab: { turn: T } },
          prompt: [
            { type: 'text', text: 'Be brief.' },
            { type: 'text', text: 'one' },
          ],
        },
      },
      {
        jsonrpc: '2.0',
        id: wireIdOf('delegate:2'),
        method: 'session/prompt',
        params: {
          sessionId: SESSION,
          prompt: [{ type: 'text', text: 'two' }],
          _meta: { crewtab: { turn: 'delegate:2' } },
        },
      },
    ]);
  });

  const call = update({ sessionUpdate: 'tool_call', toolCallId: 'c1', title: 'ls', status: 'pending' });
  const called = update({ sessionUpdate: 'tool_call_update', toolCallId: 'c1', status: 'completed' });
  const detail = update({ sessionUpdate: 'tool_call_update', toolCallId: 'c1', _meta: {} });
  const plan = update({ sessionUpdate: 'plan', entries: [] });
  const bare = (content: unknown): string => update({ sessionUpdate: 'agent_message_chunk', content });
  const ofSubAgent = (line: string): string => line.replace(SESSION, `${SESSION}-child`);
  const usage = update({ sessionUpdate: 'usage_update', used: 1, size: 2 });

  it.each<[string, readonly string[], string, object?]>([
    ['all chunks of one block', [says('a'), says('b'), usage, says('c')], 'abc'],
    ['the block after a tool call', [says('look'), call, called, says('ans'), says('wer')], 'answer'],
    ['all chunks around a thought', [says('first, '), thinks('hm'), says('second')], 'first, second'],
    ['the block after a plan', [says('first'), plan, says('second')], 'second'],
    ['the last block with text, if the last one is blank', [says('answer'), call, called, says(' \n')], 'answer'],
    [
      'the whole answer, if details of an ended call come in between',
      [call, called, says('ans'), detail, says('wer')],
      'answer',
    ],
    [
      'the last of two messages with ids',
      [says('checking', { messageId: 'm1' }), says('yes', { messageId: 'm2' }), says('!', { messageId: 'm2' })],
      'yes!',
    ],
    [
      'one message of one id, whatever stands between',
      [says('two ', { messageId: 'm1' }), thinks('hm'), call, says('halves', { messageId: 'm1' })],
      'two halves',
      { openCalls: ['ls'] },
    ],
    ['bare text and lists of blocks', [bare('a'), bare([{ type: 'text', text: 'b' }, 'c'])], 'abc'],
    [
      'its own words, and not those of a sub-agent',
      [says('A '), ofSubAgent(says('x')), ofSubAgent(call), says('B')],
      'A B',
    ],
    ['nothing, if nothing was said', [call, called], '', { isSilent: true }],
  ])('results in %s', (_what, lines, text, more = {}) => {
    expect(turnOf(...lines, ends(T)).session.state.turns.get(T)).toEqual({ status: 'done', text, ...more });
  });

  it('ends by the answer to its own number', () => {
    const dialogue = ready().start('delegate:1', 'one');
    const other = rpc({ id: wireIdOf('delegate:2'), result: { stopReason: 'end_turn' } });
    expect(dialogue.hear(other).session.state.turns.get('delegate:1')).toEqual({ status: 'open' });
    const own = rpc({ id: wireIdOf('delegate:1'), result: { stopReason: 'end_turn' } });
    expect(dialogue.hear(own).session.state.turns.get('delegate:1')).toMatchObject({ status: 'done' });
  });

  it.each([
    ['an id of null', { id: null }],
    ['no id', {}],
  ])('ends by an error with %s, if it is the only open request', (_what, id) => {
    const error = { code: -32603, message: 'out of ideas' };
    expect(turnOf(rpc({ ...id, error })).session.state.turns.get(T)).toMatchObject({
      failure: { code: 'agent_error', message: expect.stringContaining('out of ideas') as string },
    });
    expect(turnOf(rpc({ ...id, error: { ...error, code: -32700 } })).session.state.turns.get(T)).toEqual({
      status: 'open',
    });
  });

  it('leaves out of its answer, and of the proof that it began, what was said before it', () => {
    const dialogue = ready().hear(says('hello, I am v1'));
    expect(dialogue.session.state.hasSeenWork).toBe(false);
    dialogue.start(T, 'go').hear(says('done'), ends(T));
    expect(dialogue.session.state.turns.get(T)).toEqual({ status: 'done', text: 'done' });
  });

  it('does not take the text of one turn for that of the next', () => {
    const dialogue = turnOf(says('one'), ends(T)).start('u', 'next').hear(ends('u'));
    expect(dialogue.session.state.turns.get('u')).toEqual({ status: 'done', text: '', isSilent: true });
  });

  it('goes on with what is said after its end, until another begins', () => {
    const dialogue = turnOf(says('Half of the answer, '), ends(T), says('and the other half.'));
    const whole = { status: 'done', text: 'Half of the answer, and the other half.' };
    expect(dialogue.session.state.turns.get(T)).toEqual(whole);
    dialogue.start('u', 'next').hear(says('More.'), ends('u'));
    expect(dialogue.session.state.turns.get(T)).toEqual(whole);
    expect(dialogue.session.state.turns.get('u')).toEqual({ status: 'done', text: 'More.' });
  });

  it('has a first word after its end', () => {
    const dialogue = turnOf(ends(T));
    expect(dialogue.session.state.turns.get(T)).toEqual({ status: 'done', text: '', isSilent: true });
    expect(dialogue.hear(says('Yes.')).session.state.turns.get(T)).toEqual({ status: 'done', text: 'Yes.' });
  });

  it('leaves a tool call open until that ends, be it after the turn', () => {
    const dialogue = turnOf(call, says('Let me look.'), ends(T));
    expect(dialogue.session.state.turns.get(T)).toEqual({ status: 'done', text: 'Let me look.', openCalls: ['ls'] });
    expect(dialogue.session.warnings).toMatchObject([{ code: 'tool_call_open' }]);
    dialogue.hear(called);
    expect(dialogue.session.state.turns.get(T)).toEqual({ status: 'done', text: 'Let me look.' });
    expect(dialogue.session.warnings).toEqual([]);
  });

  it('that ends as cancelled after a refused permission says so', () => {
    const asks = rpc({
      id: 7,
      method: 'session/request_permission',
      params: { toolCall: { toolCallId: 'c', title: 'rm -rf /' }, options: [] },
    });
    expect(turnOf(asks, ends(T, 'cancelled')).session.state.turns.get(T)).toMatchObject({
      failure: {
        code: 'permission_refused',
        message: 'agent "writer" ended its turn as cancelled after it was refused a permission: rm -rf /',
      },
    });
    const later = turnOf(asks, says('well'), ends(T)).start('u', 'go').hear(ends('u', 'cancelled'));
    expect(later.session.state.turns.get('u')).toMatchObject({ failure: { code: 'agent_cancelled' } });
  });

  it.each([
    ['refusal', 'agent_refused'],
    ['max_tokens', 'agent_limit'],
    ['max_turn_requests', 'agent_limit'],
    ['cancelled', 'agent_cancelled'],
    ['bored', 'protocol_error'],
  ])('fails on the stop reason %s with %s', (stopReason, code) => {
    const turn = turnOf(says('I stop here'), ends(T, stopReason)).session.state.turns.get(T);
    expect(turn).toMatchObject({ status: 'failed', failure: { code } });
  });

  it.each([
    [
      'an error with data',
      { error: { code: -32603, message: 'Internal error', data: { details: 'API is down' } } },
      'agent_error',
      'Internal error: API is down',
    ],
    [
      'an error with other data',
      { error: { code: -32603, message: 'Internal error', data: { status: 529 } } },
      'agent_error',
      '{"status":529}',
    ],
    ['an error without words', { error: { code: 7 } }, 'agent_error', 'error 7'],
    ['an empty error', { error: {} }, 'protocol_error', 'malformed'],
    ['no stop reason', { result: {} }, 'protocol_error', 'none'],
    ['null', { result: null }, 'protocol_error', 'none'],
  ])('fails on %s', (_what, response, code, words) => {
    const turn = turnOf(rpc({ id: T, ...response })).session.state.turns.get(T);
    expect(turn).toMatchObject({ status: 'failed', failure: { code } });
    expect(turn?.status === 'failed' && turn.failure.message).toContain(words);
  });

  it('can be cancelled, and questions that still come are then cancelled too', () => {
    const dialogue = turnOf(says('working'));
    dialogue.written.push(...dialogue.session.cancelTurn());
    expect(sent(dialogue).at(-1)).toEqual({ jsonrpc: '2.0', method: 'session/cancel', params: { sessionId: SESSION } });
    dialogue.hear(
      rpc({
        id: 1,
        method: 'session/request_permission',
        params: { options: [{ optionId: 'a', kind: 'allow_once', name: 'A' }] },
      }),
    );
    expect(sent(dialogue).at(-1)).toEqual({ jsonrpc: '2.0', id: 1, result: { outcome: { outcome: 'cancelled' } } });
    expect(dialogue.hear(ends(T, 'cancelled')).session.cancelTurn()).toEqual([]);
  });
});

describe('proof that a prompt arrived', () => {
  const commands = update({ sessionUpdate: 'available_commands_update', availableCommands: [] });
  const mode = update({ sessionUpdate: 'current_mode_update', currentModeId: 'default' });
  const echo = update({ sessionUpdate: 'user_message_chunk', content: { type: 'text', text: 'go' } });

  it.each([
    ['commands, modes and echoes', [commands, mode, echo], false],
    ['a message', [says('a')], true],
    ['a thought', [thinks('a')], true],
    ['a plan', [update({ sessionUpdate: 'plan', entries: [] })], true],
    ['a tool call', [update({ sessionUpdate: 'tool_call', toolCallId: 'c', title: 't' })], true],
    ['a question', [rpc({ id: 0, method: 'session/request_permission', params: {} })], true],
    ['the end of the turn', [ends(T)], true],
  ])('%s', (_what, lines, isProof) => {
    expect(turnOf(...lines).session.state.hasSeenWork).toBe(isProof);
  });

  it('is not seen before the handshake is over', () => {
    expect(begin().hear(INITIALIZED, says('welcome')).session.state.hasSeenWork).toBe(false);
  });
});
