import type { Agent } from '@crewtab/domain/teams/team';
import { ends, HANDSHAKE, rpc, says, SESSION, update } from '@test/fakes/protocol/acp-lines';
import { Dialogue, dialogueWith } from '@test/fakes/protocol/dialogue';
import { AcpProtocol } from './acp-session';

const T = 'prompt:run-1';

function begun(agent: Partial<Agent> = {}): Dialogue {
  return new Dialogue(new AcpProtocol(), dialogueWith(agent)).open().hear(...HANDSHAKE);
}

const working = (agent: Partial<Agent> = {}): Dialogue => begun(agent).start(T, 'go');
const warningsOf = ({ session }: Dialogue): string[] =>
  session.warnings.map(({ code, message }) => `${code}: ${message}`);

const call = (status: string, id = 'c1'): string =>
  update({ sessionUpdate: 'tool_call', toolCallId: id, title: `npm test ${id}`, kind: 'execute', status });
const change = (more: object, id = 'c1'): string =>
  update({ sessionUpdate: 'tool_call_update', toolCallId: id, ...more });
const asks = (id: number): string =>
  rpc({
    id,
    method: 'session/request_permission',
    params: {
      sessionId: SESSION,
      toolCall: { toolCallId: 'c1', title: 'rm -rf /' },
      options: [
        { optionId: 'y', name: 'Yes', kind: 'allow_once' },
        { optionId: 'n', name: 'No', kind: 'reject_once' },
      ],
    },
  });

describe('a warning is given', () => {
  it.each([
    ['of a tool call that is open at the end of the turn', [call('in_progress')], ['npm test c1']],
    ['of one that only ever waited', [call('pending'), change({ title: 'npm run all' })], ['npm run all']],
    ['of each', [call('pending'), call('pending', 'c2')], ['npm test c1 (and 1 more)']],
    ['of none that ended', [call('in_progress'), change({ status: 'completed' })], []],
    ['of none that failed', [call('in_progress'), change({ status: 'failed' })], []],
    ['of none that came ended', [call('completed'), change({ rawOutput: 'late details' })], []],
    ['of none of a sub-agent', [call('in_progress').replace(SESSION, 'child')], []],
  ])('%s', (_what, lines, titles) => {
    const words = titles.map(
      (title) => `tool_call_open: agent "writer" ended its turn with a tool call still open: ${title}`,
    );
    expect(warningsOf(working().hear(...lines, says('Done.'), ends(T)))).toEqual(words);
  });

  it('of words before the first turn, and after one that failed', () => {
    const words =
      'words_outside_turn: agent "writer" said something outside of a turn, which is no part of the result: ';
    expect(warningsOf(begun().hear(says('agent v1\n---'), says('\n')).start(T, 'go'))).toEqual([
      `${words}agent v1 ---`,
    ]);
    expect(warningsOf(working().hear(says('No'), ends(T, 'refusal'), says('!')))).toEqual([`${words}!`]);
    expect(warningsOf(working().hear(says('Half'), ends(T), says(' and half')))).toEqual([]);
  });

  it('of no words that only say that the mode was taken', () => {
    expect(warningsOf(begun({ mode: 'yolo' }).hear(says('[MODE_UPDATE] yolo')))).toEqual([]);
    expect(warningsOf(begun({ mode: 'yolo' }).hear(says('[MODE_UPDATE] plan')))).toHaveLength(1);
  });

  it('of permissions that were refused, unless the turn was cancelled', () => {
    const denied = working({ permissions: 'deny' }).hear(asks(1), asks(2));
    expect(warningsOf(denied)).toEqual([
      'permission_refused: agent "writer" was refused a permission: rm -rf / (and 1 more)',
    ]);
    expect(warningsOf(working().hear(asks(1)))).toEqual([]);
    const cancelled = working({ permissions: 'deny' });
    cancelled.session.cancelTurn();
    expect(warningsOf(cancelled.hear(asks(1)))).toEqual([]);
  });

  it('of a choice between several ways to say yes', () => {
    const choice = asks(1).replace('"reject_once"', '"allow_once"');
    expect(warningsOf(working().hear(choice))).toEqual([
      'permission_refused: agent "writer" was refused a permission: rm -rf /',
    ]);
  });

  it('of a result that is cut', () => {
    const [warning] = warningsOf(working().hear(says('x'.repeat(1024 * 1024 + 1)), ends(T)));
    expect(warning).toMatch(/^output_cut: /);
  });

  it('of kinds of updates that are not known, and of none that are', () => {
    const known = ['usage_update', 'available_commands_update', 'notice', 'current_mode_update'];
    const dialogue = working().hear(...known.map((sessionUpdate) => update({ sessionUpdate })));
    expect(warningsOf(dialogue)).toEqual([]);
    dialogue.hear(update({ sessionUpdate: 'odd_weather' }), update({ sessionUpdate: 'odd_tides' }));
    expect(warningsOf(dialogue)).toEqual([
      'unknown_update: agent "writer" sent an update of a kind that Crewtab does not know: odd_weather (and 1 more)',
    ]);
  });
});

it('watches no more than a thousand tool calls of a turn', () => {
  const many = Array.from({ length: 1_100 }, (_, index) => call('pending', `c${index}`));
  const [warning] = warningsOf(working().hear(...many, ends(T)));
  expect(warning).toMatch(/npm test c0 \(and 999 more\)$/);
});
