import type { PlannedAgent } from '@crewtab/domain/runs/run';
import { ends, HANDSHAKE, rpc, says, SESSION, thinks, update } from '@test/fakes/protocol/acp-lines';
import { Dialogue, dialogueWith } from '@test/fakes/protocol/dialogue';
import { AcpProtocol } from './acp-session';

const T = 'prompt:run-1';
const BY = { _meta: { claudeCode: { parentToolUseId: 'agent-1' } } };

const working = (agent: Partial<PlannedAgent> = {}): Dialogue =>
  new Dialogue(new AcpProtocol(), dialogueWith(agent))
    .open()
    .hear(...HANDSHAKE)
    .start(T, 'go');
const call = (more: object = {}, id = 'c1'): string =>
  update({
    sessionUpdate: 'tool_call',
    toolCallId: id,
    title: `run ${id}`,
    kind: 'execute',
    status: 'pending',
    ...more,
  });
const change = (more: object, id = 'c1'): string =>
  update({ sessionUpdate: 'tool_call_update', toolCallId: id, ...more });
const sessionsOf = ({ messages }: Dialogue): unknown[] => messages.map(({ origin }) => origin?.session ?? null);

describe('what an agent tells of a sub-agent in its own session', () => {
  it('bears the call that made the sub-agent as its session, and is no part of the answer or break of it', () => {
    const dialogue = working().hear(says('All '), says('Found.', BY), call(BY), change({ ...BY, status: 'completed' }));
    dialogue.hear(says('parts.'), ends(T));
    expect(sessionsOf(dialogue)).toEqual([null, 'agent-1', 'agent-1', 'agent-1', null]);
    expect(dialogue.messages[1]).toMatchObject({
      kind: 'agent_message',
      content: { text: 'Found.', sessionId: 'agent-1' },
    });
    expect(dialogue.session.state.turns.get(T)).toEqual({ status: 'done', text: 'All parts.' });
  });

  it('is not what the agent itself was last seen doing', () => {
    const dialogue = working().hear(call({}, 'agent-1'), says('Hm.', BY), call(BY));
    expect(dialogue.session.lastSeen.doing).toBe('was in the tool call "run agent-1"');
    expect(sessionsOf(dialogue)).toEqual([null, 'agent-1', 'agent-1']);
  });

  it('stays with it where an update leaves its maker out', () => {
    const dialogue = working().hear(
      call(BY),
      change({ status: 'completed' }),
      change({ rawOutput: 'late' }),
      thinks(''),
    );
    expect(sessionsOf(dialogue)).toEqual(['agent-1', 'agent-1', 'agent-1', null]);
  });

  it('is no open tool call of the agent, also where it is told only later whose it is', () => {
    const dialogue = working().hear(call(), change({ ...BY, title: 'ls' }), says('Done.'), ends(T));
    expect(dialogue.session.state.turns.get(T)).toEqual({ status: 'done', text: 'Done.' });
    expect(dialogue.session.warnings).toEqual([]);
    const late = working().hear(call(), says('Done.'), ends(T), change(BY));
    expect(late.session.state.turns.get(T)).toEqual({ status: 'done', text: 'Done.' });
  });

  it.each([
    ['from its beginning', [call({ ...BY, rawInput: { command: 'make test' } })]],
    ['from before it was told whose it is', [call({ rawInput: { command: 'make test' } }), change(BY)]],
  ])('is known to the rules when it asks for a permission, %s', (_when, lines) => {
    const permissionRules = [{ command: 'make *', allow: true }];
    const params = {
      sessionId: SESSION,
      toolCall: { toolCallId: 'c1' },
      options: [{ optionId: 'y', name: 'Yes', kind: 'allow_once' }],
    };
    const dialogue = working({ permissions: 'deny', permissionRules }).hear(
      ...lines,
      rpc({ id: 9, method: 'session/request_permission', params }),
    );
    const asked = dialogue.messages.at(-1);
    expect(asked).toMatchObject({
      kind: 'permission',
      content: { decision: 'allowed' },
      origin: { session: 'agent-1' },
    });
  });
});
