import { Dialogue, dialogueWith } from '@test/fakes/protocol/dialogue';
import { protocolContract } from '@test/contracts/protocol-contract';
import fc from 'fast-check';
import { CommandProtocol } from './command-session';

const protocol = new CommandProtocol();

protocolContract('CommandProtocol', {
  protocol,
  agent: { protocol: 'command' },
  handshake: [],
  turn: (_id, text) => text.split('\n'),
  endsByExit: true,
  nearMisses: fc.constantFrom('', ' ', '\r', '\0'),
});

describe('CommandProtocol', () => {
  const begin = (instructions?: string): Dialogue =>
    new Dialogue(protocol, dialogueWith({ protocol: 'command', instructions })).open();

  it('writes the instructions, a blank line and the prompt, then closes stdin', () => {
    expect(begin('Be brief.').start('prompt:run-1', 'Count\nto three.').written).toEqual([
      { data: 'Be brief.\n\nCount\nto three.\n', endInput: true },
    ]);
    expect(begin().start('prompt:run-1', 'Count.').written).toEqual([{ data: 'Count.\n', endInput: true }]);
  });

  it('gives the whole of stdout as the result, without the last line break', () => {
    const { session, told } = begin().start('t', 'go').hear('one', '', 'two').hearError('aside').hear('three').exit(0);
    expect(session.state.turns.get('t')).toEqual({ status: 'done', text: 'one\n\ntwo\nthree' });
    expect(told).toEqual([
      ['agent_message', { text: 'one\n' }],
      ['agent_message', { text: '\n' }],
      ['agent_message', { text: 'two\n' }],
      ['stderr', { text: 'aside\n' }],
      ['agent_message', { text: 'three\n' }],
    ]);
  });

  it('is done with an empty text when the program says nothing', () => {
    expect(begin().start('t', 'go').exit(0).session.state.turns.get('t')).toEqual({ status: 'done', text: '' });
  });

  it('fails when the program ends before its prompt with another exit code than 0', () => {
    const { handshake } = begin().exit(3).session.state;
    expect(handshake).toMatchObject({
      status: 'failed',
      failure: {
        code: 'agent_exited',
        message: 'agent "writer" ended with exit code 3, before it was given its prompt',
      },
    });
  });

  it('is done at once when the program has ended with 0 before its prompt, which it then is not given', () => {
    const dialogue = begin().hear('Tuesday').exit(0);
    expect(dialogue.session.state).toMatchObject({ handshake: { status: 'ready' }, hasEndedWell: true });
    expect(dialogue.session.startTurn({ id: 't', text: 'go' })).toEqual([]);
    expect(dialogue.session.state.turns.get('t')).toEqual({ status: 'done', text: 'Tuesday' });
  });

  it('takes one prompt only', () => {
    const dialogue = begin().start('t', 'go');
    expect(() => dialogue.start('u', 'again')).toThrow('takes one prompt only');
  });

  it('believes the engine about memory even with exit code 0', () => {
    expect(begin().start('t', 'go').exit(0, { isOutOfMemory: true }).session.state.turns.get('t')).toMatchObject({
      failure: { code: 'out_of_memory' },
    });
  });

  it('is failed with its last lines and the end of its stderr when it ends with another code than 0', () => {
    const exit = begin().start('t', 'go').hear('x'.repeat(2_000_000), 'No credit left.').hearError('HTTP 402').exit(3);
    expect(exit.session.state.turns.get('t')).toEqual({
      status: 'failed',
      failure: {
        code: 'agent_exited',
        message:
          'agent "writer" ended with exit code 3; its last text: …\nNo credit left.; its last words on stderr:\nHTTP 402',
      },
    });
  });

  it('is no answer when its engine did not see the end, whatever the exit code: the last words may be lost', () => {
    const exit = begin().start('t', 'go').hear('half of it').exit(0, { mayLackOutput: true });
    expect(exit.session.state.turns.get('t')).toEqual({
      status: 'failed',
      failure: {
        code: 'output_lost',
        message:
          'agent "writer" ended (exit code 0) while its container engine was down or restarting, which may have lost ' +
          'the end of its output; its last text: half of it',
      },
    });
  });
});
