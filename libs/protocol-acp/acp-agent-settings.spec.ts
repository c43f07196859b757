import type { Agent } from '@crewtab/domain/teams/team';
import { HANDSHAKE, rpc, SESSION, update } from '@test/fakes/protocol/acp-lines';
import { Dialogue, dialogueWith } from '@test/fakes/protocol/dialogue';
import { AcpProtocol } from './acp-session';

const protocol = new AcpProtocol();
const begin = (agent: Partial<Agent>): Dialogue => new Dialogue(protocol, dialogueWith(agent)).open();
const last = ({ written }: Dialogue): unknown => JSON.parse(written.at(-1)?.data ?? 'null');
const failureOf = ({ session }: Dialogue): string => {
  const { handshake } = session.state;
  return handshake.status === 'failed' ? handshake.failure.message : handshake.status;
};

describe('the way to log in', () => {
  const methods = [
    { id: 'key', name: 'Use an API key' },
    { id: 'person', name: 'Log in with a browser' },
  ];
  const wanted = rpc({ id: 3, error: { code: -32000, message: 'Authentication required' } });
  const asked = (agent: Partial<Agent>): Dialogue =>
    begin(agent).hear(rpc({ id: 1, result: { protocolVersion: 1, authMethods: methods } }), wanted);

  it('is the one that the agent is set to', () => {
    expect(last(asked({ authMethod: 'key' }))).toMatchObject({ method: 'authenticate', params: { methodId: 'key' } });
  });

  it('is named as missing where several could be meant, or it is not there', () => {
    expect(failureOf(asked({}))).toMatch(/choose its authMethod .*: key \(Use an API key\), person/);
    expect(failureOf(asked({ authMethod: 'keys' }))).toMatch(/has no authMethod "keys" .*: key \(Use/);
  });
});

describe('a mode of an agent that has its modes among its options', () => {
  const option = {
    id: 'how',
    name: 'How',
    category: 'mode',
    type: 'select',
    currentValue: 'ask',
    options: [
      { value: 'ask', name: 'Ask' },
      { group: 'free', name: 'Free', options: [{ value: 'yolo', name: 'All' }] },
    ],
  };
  const made = (result: object): string => rpc({ id: 3, result: { sessionId: SESSION, ...result } });

  it('is set as an option', () => {
    const dialogue = begin({ mode: 'yolo' }).hear(HANDSHAKE[0] ?? '', made({ configOptions: [option] }));
    expect(last(dialogue)).toMatchObject({
      id: 4,
      method: 'session/set_config_option',
      params: { sessionId: SESSION, configId: 'how', value: 'yolo' },
    });
    dialogue.hear(rpc({ id: 4, error: { code: -32602, message: 'no' } }));
    expect(failureOf(dialogue)).toBe('agent "writer" refused the mode "yolo": no; it has ask, yolo');
  });

  it('is set as a mode where it has modes too', () => {
    const modes = { currentModeId: 'ask', availableModes: [{ id: 'ask', name: 'Ask' }] };
    const dialogue = begin({ mode: 'ask' }).hear(HANDSHAKE[0] ?? '', made({ modes, configOptions: [option] }));
    expect(last(dialogue)).toMatchObject({ method: 'session/set_mode', params: { modeId: 'ask' } });
  });
});

describe('permissions by rules', () => {
  const OPTIONS = [
    { optionId: 'y', name: 'Yes', kind: 'allow_once' },
    { optionId: 'n', name: 'No', kind: 'reject_once' },
  ];
  const ask = (toolCall: object, options: readonly object[] = OPTIONS): string =>
    rpc({ id: 7, method: 'session/request_permission', params: { sessionId: SESSION, toolCall, options } });
  const decided = (agent: Partial<Agent>, ...lines: string[]): Dialogue => {
    const dialogue = begin(agent)
      .hear(...HANDSHAKE)
      .start('prompt:run-1', 'go');
    return dialogue.hear(...lines);
  };
  const agent = {
    permissions: 'deny',
    permissionRules: [
      { kind: 'execute', command: 'git *', allow: true },
      { path: '/workspace/**', allow: true },
    ],
  } as const;

  it.each([
    ['a command', { toolCallId: 'c', kind: 'execute', rawInput: { command: 'git status' } }, 'y', 0],
    ['a command as a list', { toolCallId: 'c', kind: 'execute', rawInput: { command: ['git', 'log'] } }, 'y', 0],
    ['a path', { toolCallId: 'c', locations: [{ path: '/workspace/a' }] }, 'y', 1],
    ["a path of the tool's input", { toolCallId: 'c', rawInput: { file_path: '/etc/passwd' } }, 'n', null],
    ['what no rule knows', { toolCallId: 'c' }, 'n', null],
  ])('decide on %s, and the conversation says which did', (_what, toolCall, optionId, index) => {
    const dialogue = decided(agent, ask(toolCall));
    expect(last(dialogue)).toMatchObject({ id: 7, result: { outcome: { outcome: 'selected', optionId } } });
    const content = dialogue.messages.at(-1)?.content;
    expect(content).toMatchObject({ decision: optionId === 'y' ? 'allowed' : 'denied' });
    expect(content?.['rule']).toEqual(index === null ? null : { index, ...agent.permissionRules[index] });
  });

  it('know what the tool call told of itself before', () => {
    const call = { toolCallId: 'c', kind: 'execute', rawInput: { command: 'git status' }, status: 'pending' };
    const dialogue = decided(agent, update({ sessionUpdate: 'tool_call', ...call }), ask({ toolCallId: 'c' }));
    expect(last(dialogue)).toMatchObject({ result: { outcome: { optionId: 'y' } } });
  });

  it('may answer a choice, by its first way of yes', () => {
    const choice = [...OPTIONS, { optionId: 'z', name: 'Also yes', kind: 'allow_once' }];
    const allowing = { permissionRules: [{ allow: true }] };
    expect(last(decided(allowing, ask({ toolCallId: 'c' }, choice)))).toMatchObject({
      result: { outcome: { optionId: 'y' } },
    });
    expect(last(decided({}, ask({ toolCallId: 'c' }, choice)))).toMatchObject({
      result: { outcome: { outcome: 'cancelled' } },
    });
  });
});
