import { ends, HANDSHAKE, rpc, says, SESSION, thinks, update } from '@test/fakes/protocol/acp-lines';
import { Dialogue, dialogueWith } from '@test/fakes/protocol/dialogue';
import { AcpProtocol } from './acp-session';

const T = 'prompt:run-1';
const protocol = new AcpProtocol();

function working(): Dialogue {
  return new Dialogue(protocol, dialogueWith())
    .open()
    .hear(...HANDSHAKE)
    .start(T, 'go');
}

const turnOf = ({ session }: Dialogue) => session.state.turns.get(T);
const air = (sessionFailure: unknown): object => ({ _meta: { jetbrains: { air: { version: 1, sessionFailure } } } });
const failure = (more: object = {}): object =>
  air({
    id: 'f1',
    revision: 1,
    category: 'access',
    severity: 'error',
    title: 'Invalid API key.',
    actions: [],
    ...more,
  });
const info = (more: object): string => update({ sessionUpdate: 'session_info_update', ...more });
const status = (type: string): string => info({ _meta: { codex: { threadStatus: { type } } } });
const endsWith = (more: object): string => rpc({ id: T, result: { stopReason: 'end_turn', ...more } });
const failedAs = (code: string, message: string): object => ({ status: 'failed', failure: { code, message } });

describe('a turn that ends well on the wire is failed', () => {
  it.each([
    ['access', 'model_access'],
    ['connection', 'model_unreachable'],
    ['limit', 'model_limit'],
    ['service', 'agent_error'],
    ['request', 'agent_error'],
    ['something new', 'agent_error'],
  ])('by a typed failure of the category %s in its answer, as %s', (category, code) => {
    expect(turnOf(working().hear(says('Hm. '), endsWith(failure({ category, details: 'HTTP 401' }))))).toEqual(
      failedAs(code, 'agent "writer" reports a failure: Invalid API key.: HTTP 401; its last text: Hm.'),
    );
  });

  it('by one that came in an update before, unless it was taken back or is only a warning', () => {
    const failed = failedAs('model_access', 'agent "writer" reports a failure: Invalid API key.');
    expect(turnOf(working().hear(info(failure()), ends(T)))).toEqual(failed);
    expect(turnOf(working().hear(info(failure()), info(air(null)), says('Done.'), ends(T)))).toMatchObject({
      status: 'done',
    });
    const retrying = info(failure({ severity: 'warning' }));
    expect(turnOf(working().hear(retrying, says('Done.'), ends(T)))).toMatchObject({ status: 'done' });
    expect(turnOf(working().hear(info(failure()).replace(SESSION, 'child'), says('Done.'), ends(T)))).toMatchObject({
      status: 'done',
    });
  });

  it("by the state of the agent's own thread, with what it said", () => {
    expect(turnOf(working().hear(says('stream error: 503'), status('systemError'), ends(T)))).toEqual(
      failedAs('agent_error', 'agent "writer" reports a failure; its last text: stream error: 503'),
    );
    expect(turnOf(working().hear(status('active'), says('Done.'), ends(T)))).toMatchObject({ status: 'done' });
  });

  it('by a notice of an error', () => {
    const notice = (severity: string): string =>
      update({ sessionUpdate: 'notice', severity, title: 'No credit left', description: 'Top up.' });
    expect(turnOf(working().hear(notice('error'), ends(T)))).toEqual(
      failedAs('agent_error', 'agent "writer" reports a failure: No credit left: Top up.'),
    );
    expect(turnOf(working().hear(notice('warning'), says('Done.'), ends(T)))).toMatchObject({ status: 'done' });
  });

  it('and no later turn with it', () => {
    const dialogue = working().hear(endsWith(failure())).start('u', 'next').hear(says('Fine.'), ends('u'));
    expect(dialogue.session.state.turns.get('u')).toEqual({ status: 'done', text: 'Fine.' });
  });

  it('tells agents that it knows these words', () => {
    const initialize = JSON.parse(new Dialogue(protocol, dialogueWith()).open().written[0]?.data ?? '') as object;
    expect(initialize).toMatchObject({
      params: {
        clientCapabilities: {
          session: { notices: {} },
          _meta: {
            jetbrains: { air: { version: 1, capabilities: ['sessionFailure'] } },
            'subagent-transcript': true,
          },
        },
      },
    });
  });
});

describe('the words of a failure', () => {
  const refused = rpc({ id: T, error: { code: -32000, message: 'Authentication required' } });

  it("have the agent's last words and the end of its stderr, without control bytes", () => {
    const dialogue = working()
      .hearError('\x1b[31mHTTP 403\x1b[0m')
      .hear(says('Your key \x1b[1mhas expired\x07.'), refused);
    expect(turnOf(dialogue)).toEqual(
      failedAs(
        'model_access',
        'agent "writer" reported an error: Authentication required; its last text: Your key has expired.; its last words on stderr:\nHTTP 403',
      ),
    );
  });

  it('have both where it exits in the middle of its turn', () => {
    const dialogue = working().hear(says('No credit left.')).hearError('HTTP 402').exit(3);
    expect(turnOf(dialogue)).toEqual(
      failedAs(
        'agent_exited',
        'agent "writer" ended with exit code 3; its last text: No credit left.; its last words on stderr:\nHTTP 402',
      ),
    );
  });

  it('have the end of its stderr where the handshake fails, also what comes after its answer', () => {
    const dialogue = new Dialogue(protocol, dialogueWith())
      .open()
      .hearError('no such model')
      .hear(rpc({ id: 1, error: { code: -32603, message: 'Internal error' } }))
      .hearError('giving up');
    expect(dialogue.session.state.handshake).toEqual(
      failedAs(
        'handshake_failed',
        'agent "writer" answered initialize with an error: Internal error; its last words on stderr:\nno such model\ngiving up',
      ),
    );
    const exited = new Dialogue(protocol, dialogueWith()).open().hearError('no key').exit(1);
    expect(exited.session.state.handshake).toEqual(
      failedAs('agent_exited', 'agent "writer" ended with exit code 1; its last words on stderr:\nno key'),
    );
  });

  it('begin behind a word that the cut goes through, which may be half of a secret', () => {
    const dialogue = working().hear(says(`key=${'k'.repeat(299)} is refused`), refused);
    expect(turnOf(dialogue)).toEqual(
      failedAs(
        'model_access',
        'agent "writer" reported an error: Authentication required; its last text: … is refused',
      ),
    );
  });

  it('do not say the same twice, and are bounded', () => {
    expect(turnOf(working().hear(says('Authentication required'), refused))).toEqual(
      failedAs('model_access', 'agent "writer" reported an error: Authentication required'),
    );
    const turn = turnOf(working().hear(says('x'.repeat(1_000_000)), refused));
    expect(turn?.status === 'failed' && turn.failure.message.length).toBeLessThan(500);
  });
});

it.each([
  [401, 'model_access'],
  [403, 'model_access'],
  [429, 'model_limit'],
  [500, 'agent_error'],
] as const)('an error with the HTTP status %d of the model is %s', (code, failure) => {
  const dialogue = working().hear(rpc({ id: T, error: { code, message: 'no' } }));
  expect(turnOf(dialogue)).toEqual(failedAs(failure, 'agent "writer" reported an error: no'));
});

describe('what an agent was last seen doing', () => {
  const call = update({ sessionUpdate: 'tool_call', toolCallId: 'c1', title: 'npm\ntest', status: 'in_progress' });
  const called = update({ sessionUpdate: 'tool_call_update', toolCallId: 'c1', status: 'failed' });
  const asks = rpc({ id: 7, method: 'session/request_permission', params: { toolCall: { title: 'rm' }, options: [] } });

  it.each<[string, readonly string[], string | null]>([
    ['nothing', [], 'has shown nothing since it was given its task'],
    ['talking', [says('Let me '), says('look.')], 'last said "Let me look."'],
    ['thinking', [says('Let me '), thinks('hm')], 'was thinking'],
    ['a tool call', [call, says('It runs.')], 'was in the tool call "npm test"'],
    ['the end of one', [call, called], 'had ended a tool call as failed'],
    ['a question', [asks], 'asked for a permission: "rm"'],
    [
      'reporting its usage, after it talked',
      [says('Hm.'), update({ sessionUpdate: 'usage_update' })],
      'last said "Hm."',
    ],
    ['what a sub-agent does', [says('Hm.').replace(SESSION, 'child')], 'has shown nothing since it was given its task'],
    ['nothing, when its turn has ended', [says('Done.'), ends(T)], null],
  ])('is %s', (_what, lines, doing) => {
    expect(working().hear(...lines).session.lastSeen.doing).toBe(doing);
  });

  it('is the step of the handshake that it owes, with a line that it wrote instead', () => {
    const dialogue = new Dialogue(protocol, dialogueWith()).open().hearError('npm warn');
    expect(dialogue.session.lastSeen).toEqual({
      doing: 'has not answered initialize',
      stderr: '; its last words on stderr:\nnpm warn',
    });
    dialogue.hear(HANDSHAKE[0] ?? '', '\x1b]0;agent\x07Log in first: https://example.com');
    expect(dialogue.session.lastSeen.doing).toBe(
      'has not answered session/new; the last line that it wrote is no message of the protocol: "Log in first: https://example.com"',
    );
  });
});
