import { play, playAgain, type Played } from './play';

// Real processes on a machine that may be busy.
jest.setTimeout(30_000);

const ANSWER = 'the answer is 42';

const textOf = ({ turn }: Played): unknown => (turn?.status === 'done' ? turn.text : turn);
const codesOf = ({ session }: Played): string[] => session.warnings.map(({ code }) => code);

const CASES: readonly [string, string, (readonly string[])?][] = [
  ['plain', 'You asked: hm'],
  ['osc', 'You asked: hm'],
  ['cr', 'You asked: hm'],
  ['bom', 'You asked: hm'],
  ['numeric', 'You asked: hm'],
  ['auth', 'You asked: hm'],
  ['greet', 'You asked: hm', ['words_outside_turn']],
  ['splitthought', 'The answer has two halves.'],
  ['string', ANSWER],
  ['array', ANSWER],
  ['late', 'Half of the answer, and the other half.'],
  ['child', 'The main agent says A, the main agent says B.'],
  ['empty', ''],
  ['opentool', 'Let me check the tests.', ['tool_call_open']],
  ['chooser', 'the client chose cancelled', ['permission_refused']],
  ['garbage', ANSWER],
  ['unknownupdate', ANSWER, ['unknown_update']],
  ['halfline', ANSWER],
  ['stranger', ANSWER],
  ['twice', ANSWER],
];

describe('a turn of an agent with an oddity of the wire', () => {
  const plays = new Map<string, Played>();
  const of = (mode: string): Played => plays.get(mode) as Played;

  beforeAll(async () => {
    await Promise.all(CASES.map(async ([mode]) => plays.set(mode, await play(mode))));
  });

  it.each(CASES)('%s ends in what it says, with its warnings', (mode, text, codes = []) => {
    expect(textOf(of(mode))).toBe(text);
    expect(codesOf(of(mode))).toEqual(codes);
  });

  it.each(CASES.filter(([mode]) => mode !== 'greet'))('%s ends so for a worker that adopts it', (mode) => {
    expect(playAgain(of(mode)).state).toEqual(of(mode).session.state);
  });

  it('greet is not told from work by a worker that adopts it: it cannot know when the prompt was written', () => {
    const turn = playAgain(of('greet')).state.turns.get('prompt:run-1');
    expect(turn).toMatchObject({ status: 'done', text: expect.stringMatching(/You asked: hm$/) as string });
  });

  it.each(['osc', 'cr'])('%s keeps what stood before the JSON', (mode) => {
    const [first] = of(mode).messages;
    expect(first).toMatchObject({
      kind: 'other',
      content: { text: expect.stringMatching(/odd agent|100 %/) as string },
    });
  });

  it('child keeps the words of the sub-agent with their session', () => {
    expect(of('child').messages.map(({ content }) => content)).toContainEqual({
      text: '[words of a sub-agent]',
      sessionId: 'odd-1-child',
    });
  });

  it('empty and opentool are told from a success', () => {
    expect(of('empty').turn).toEqual({ status: 'done', text: '', isSilent: true });
    expect(of('opentool').turn).toMatchObject({ status: 'done', openCalls: ['npm test'] });
  });

  it('chooser is refused, and the refusal is in the conversation', () => {
    const permission = of('chooser').messages.find(({ kind }) => kind === 'permission');
    expect(permission?.content).toMatchObject({ decision: 'cancelled' });
  });
});
