import type { AgentProtocol } from '@crewtab/domain/ports/agent-protocol';
import type { Agent } from '@crewtab/domain/teams/team';
import fc from 'fast-check';
import { Dialogue, dialogueWith } from '../fakes/protocol/dialogue';

export interface ProtocolSubject {
  readonly protocol: AgentProtocol;
  readonly agent: Partial<Agent>;
  /** The stdout lines of a good handshake. */
  readonly handshake: readonly string[];
  /** The stdout lines of a turn whose answer is `text`. */
  turn(id: string, text: string): readonly string[];
  /** True where the turn ends only with the process (exit code 0). */
  readonly endsByExit: boolean;
  /** Lines that are nearly of the protocol. */
  readonly nearMisses: fc.Arbitrary<string>;
}

const TURN = 'prompt:run-1';
const LONG = 8 * 1024 * 1024;

/**
 * What every protocol must do. Call it at the top level of a spec. No I/O in it; the long line is there because a
 * protocol that handles lines by copying them again and again takes minutes for it.
 */
export function protocolContract(name: string, subject: ProtocolSubject): void {
  describe(`${name} keeps the protocol contract`, () => {
    describeTurns(subject);
    describeAdoption(subject);
    describeEnds(subject);
    describeGarbage(subject);
  });
}

function begun(subject: ProtocolSubject): Dialogue {
  return new Dialogue(subject.protocol, dialogueWith(subject.agent)).open().hear(...subject.handshake);
}

function answered(subject: ProtocolSubject, text: string): Dialogue {
  const dialogue = begun(subject)
    .start(TURN, 'do it')
    .hear(...subject.turn(TURN, text));
  return subject.endsByExit ? dialogue.exit(0) : dialogue;
}

function describeTurns(subject: ProtocolSubject): void {
  it('is ready after the handshake, with no turn and no work seen', () => {
    const { state } = begun(subject).session;
    expect(state).toEqual({ handshake: { status: 'ready' }, turns: new Map(), hasSeenWork: false });
  });

  it('writes whole lines, with the prompt in them, and closes stdin only where it is `once`', () => {
    const dialogue = begun(subject).start(TURN, 'count to three 🎉');
    for (const { data } of dialogue.written) expect(data).toMatch(/\n$/);
    expect(dialogue.written.at(-1)?.data).toContain('count to three 🎉');
    expect(dialogue.written.some(({ endInput }) => endInput)).toBe(subject.protocol.stdin === 'once');
  });

  it('keeps a turn open until it ends, then gives its text', () => {
    expect(begun(subject).start(TURN, 'do it').session.state.turns.get(TURN)).toEqual({ status: 'open' });
    const { session, messages } = answered(subject, 'The answer.');
    expect(session.state.turns.get(TURN)).toEqual({ status: 'done', text: 'The answer.' });
    expect(session.state.hasSeenWork).toBe(true);
    expect(saidIn(messages)).toContain('The answer.');
  });

  it('loses no character of any script', () => {
    const text = 'grüße, 世界 🎉 \u2028 e\u0301 "quoted" \\ \t end';
    expect(answered(subject, text).session.state.turns.get(TURN)).toEqual({ status: 'done', text });
  });

  it('stores a line of 8 MB whole, and keeps the beginning of it as the result', () => {
    const text = 'x'.repeat(LONG);
    const { session, messages } = answered(subject, text);
    expect(saidIn(messages).trimEnd().length).toBe(LONG);
    const turn = session.state.turns.get(TURN);
    expect(turn?.status).toBe('done');
    expect(turn?.status === 'done' && turn.text.length).toBeLessThan(1.1 * 1024 * 1024);
    expect(turn?.status === 'done' && turn.text).toMatch(/^x+\n\[… cut here/);
  });

  it('tells stderr apart, with its line break', () => {
    const { told } = begun(subject).hearError('a warning');
    expect(told.at(-1)).toEqual(['stderr', { text: 'a warning\n' }]);
  });
}

function describeAdoption(subject: ProtocolSubject): void {
  it('comes to the same state and messages however often the lines are folded', () => {
    const lines = [...subject.handshake, ...subject.turn(TURN, 'One.'), 'noise after it'];
    for (let length = 0; length <= lines.length; length++) {
      const [one, other] = [0, 1].map(() => adopted(subject, lines.slice(0, length)));
      expect(one?.session.state).toEqual(other?.session.state);
      expect(one?.messages).toEqual(other?.messages);
    }
  });

  it('is after adoption where the one who wrote the turn is', () => {
    const live = begun(subject)
      .start(TURN, 'do it')
      .hear(...subject.turn(TURN, 'One.'));
    const lines = [...subject.handshake, ...subject.turn(TURN, 'One.')];
    for (let cut = subject.handshake.length; cut <= lines.length; cut++) {
      const later = adopted(subject, lines.slice(0, cut));
      later.session.resume();
      later.hear(...lines.slice(cut));
      expect(later.session.state).toEqual(live.session.state);
      expect(later.messages).toEqual(live.messages);
    }
  });

  it('never writes a turn when it resumes', () => {
    const lines = [...subject.handshake, ...subject.turn(TURN, 'One.')];
    for (let length = 0; length <= lines.length; length++) {
      const written = adopted(subject, lines.slice(0, length)).session.resume();
      expect(JSON.stringify(written)).not.toContain(TURN);
      expect(written.some(({ endInput }) => endInput)).toBe(false);
    }
  });
}

function describeEnds(subject: ProtocolSubject): void {
  it.each([
    ['an exit code', 3, {}, 'agent_exited'],
    ['a signal', 137, {}, 'agent_killed'],
    ['SIGTERM', 143, {}, 'agent_killed'],
    ['memory', 137, { isOutOfMemory: true }, 'out_of_memory'],
    ['an unknown cause while its engine was down', 255, { mayLackOutput: true }, 'output_lost'],
    ['an eviction by its cluster', 137, { mayLackOutput: true, endedBy: 'Evicted: disk' }, 'agent_evicted'],
    ['the loss of its node', 137, { mayLackOutput: true, endedBy: 'NodeLost', lostNode: 'node-7' }, 'host_lost'],
    ['exit code 0 that its engine did not see', 0, { mayLackOutput: true }, 'output_lost'],
  ])('turns an end by %s into a failure of the open turn', (_how, exitCode, rest, code) => {
    const dialogue = begun(subject).start(TURN, 'do it').hearError('boom').exit(exitCode, rest);
    const turn = dialogue.session.state.turns.get(TURN);
    expect(turn).toMatchObject({ status: 'failed', failure: { code } });
    expect(turn?.status === 'failed' && turn.failure.message).toContain('boom');
  });

  it('has a failed handshake when the process ends before anything was asked of it', () => {
    const dialogue = new Dialogue(subject.protocol, dialogueWith(subject.agent)).open();
    for (let line = 1; line <= 9; line++) dialogue.hearError(`stderr line ${line}`);
    const { handshake } = dialogue.exit(1).session.state;
    expect(handshake).toMatchObject({ status: 'failed', failure: { code: 'agent_exited' } });
    const message = handshake.status === 'failed' ? handshake.failure.message : '';
    expect(message).toContain('stderr line 5\nstderr line 6\nstderr line 7\nstderr line 8\nstderr line 9');
    expect(message).not.toContain('stderr line 4');
  });

  it('keeps a turn that ended when the process ends later', () => {
    const dialogue = answered(subject, 'Done.').exit(1);
    expect(dialogue.session.state.turns.get(TURN)).toEqual({ status: 'done', text: 'Done.' });
  });
}

function describeGarbage(subject: ProtocolSubject): void {
  const garbage = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.json(),
    fc.json({ depthSize: 'large' }),
    subject.nearMisses,
  );

  it('never throws, whatever comes, and goes on afterwards where it was not told an end', () => {
    fc.assert(
      fc.property(fc.array(garbage, { maxLength: 30 }), (lines) => {
        const dialogue = begun(subject)
          .start(TURN, 'do it')
          .hear(...lines)
          .hearError(...lines);
        dialogue.session.resume();
        dialogue.session.cancelTurn();
        for (const { data } of dialogue.written) expect(data).toMatch(/^[^\n]*\n$|^do it/);
        for (const { content } of dialogue.messages) expect(JSON.stringify(content)).toMatch(/^\{/);
        expect(dialogue.session.state.handshake.status).toBe('ready');
      }),
    );
  });

  it('never throws before the handshake either', () => {
    fc.assert(
      fc.property(fc.array(garbage, { maxLength: 30 }), (lines) => {
        const dialogue = new Dialogue(subject.protocol, dialogueWith(subject.agent)).open().hear(...lines);
        dialogue.session.resume();
        dialogue.exit(1);
        expect(dialogue.session.state.turns.size).toBe(0);
      }),
    );
  });
}

function adopted(subject: ProtocolSubject, lines: readonly string[]): Dialogue {
  const dialogue = new Dialogue(subject.protocol, dialogueWith(subject.agent));
  dialogue.session.expectTurn(TURN);
  return dialogue.hear(...lines);
}

function saidIn(messages: Dialogue['messages']): string {
  return messages.flatMap(({ kind, content }) => (kind === 'agent_message' ? [String(content['text'])] : [])).join('');
}
