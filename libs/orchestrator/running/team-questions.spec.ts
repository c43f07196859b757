import type { ToolAnswer, ToolCall } from '@crewtab/domain/ports/tool-server';
import {
  LONGEST_NOTE_CHARS,
  LONGEST_QUESTION_CHARS,
  MOST_NOTES,
  MOST_OPEN_QUESTIONS,
} from '@crewtab/domain/runs/delegation';
import type { FakeProgram } from '@test/fakes/runtime/fake-agent';
import { settle } from '@test/fakes/fake-clock';
import { obedient, World } from './spec-support';

const idle: FakeProgram['onLine'] = () => undefined;
const ANSWER_MS = 240_000;

/** A run whose leader has given its teammate a task, which is under way. */
class Asking {
  private constructor(
    readonly world: World,
    readonly runId: string,
    readonly first: ReturnType<World['worker']>,
    readonly delegated: Promise<ToolAnswer>,
  ) {}

  static async begin(): Promise<Asking> {
    const world = new World({ lead: obedient(idle), writer: obedient((_line, io) => io.emit('say on it')) });
    const { id } = world.store.addRun();
    const first = world.worker();
    await first.holder.start();
    await first.holder.take(id);
    await world.eventually(() => world.store.read(id).phase === 'monitoring');
    const task = { agent: 'writer', task: 'count' };
    const delegated = world.toolServer.call(id, { id: 'c1', agent: 'lead', tool: 'delegate', arguments: task });
    await world.eventually(() => world.store.messages(id).some(({ content }) => content['text'] === 'on it'));
    return new Asking(world, id, first, delegated);
  }

  call(agent: string, id: string, tool: string, args: ToolCall['arguments'] = {}): Promise<ToolAnswer> {
    return this.world.toolServer.call(this.runId, { id, agent, tool, arguments: args });
  }

  ask(id: string, question: string, seconds = 100): Promise<ToolAnswer> {
    return this.call('writer', id, 'ask', { question, seconds });
  }

  emit(agent: string, line: string): void {
    this.world.engine.agents.find((one) => one.agent.name === agent)?.emit(line);
  }

  get said(): unknown[] {
    const messages = this.world.store.messages(this.runId).filter(({ kind }) => kind === 'delegation');
    return messages.map(({ agent, content }) => [agent, content]);
  }
}

const says = (...words: string[]): ToolAnswer => ({
  text: expect.stringMatching(
    new RegExp(words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('[^]*')),
  ) as string,
});

describe('a question of a teammate', () => {
  it('ends the waiting of its leader, whose answer it gets, all in the conversation', async () => {
    const team = await Asking.begin();
    const answered = team.ask('q1', 'With hidden files?');
    await expect(team.delegated).resolves.toEqual(
      says('Its handle is c1', 'writer asks', 'question q1', 'With hidden files?'),
    );
    await expect(team.call('lead', 'a1', 'answer', { question: 'q1', text: 'Yes.' })).resolves.toEqual({
      text: 'writer has your answer.',
    });
    await expect(answered).resolves.toEqual({ text: 'Yes.' });
    const waiting = team.call('lead', 'w1', 'wait', { handle: 'c1' });
    team.emit('writer', 'done delegate:c1 seven');
    await expect(waiting).resolves.toEqual({ text: 'seven' });
    expect(team.said).toEqual([
      ['lead', { id: 'c1', to: 'writer', task: 'count' }],
      ['writer', { id: 'q1', to: 'lead', task: 'With hidden files?' }],
      ['lead', { id: 'q1', to: 'writer', text: 'Yes.' }],
      ['writer', { id: 'c1', to: 'lead', text: 'seven' }],
    ]);
    // It is no turn of the leader.
    expect(team.world.turnsSeen.filter((turn) => turn.includes('q1'))).toEqual([]);
    await team.first.holder.stop();
  });

  it('ends one waiting, and is told again with whatever the leader asks for next', async () => {
    const team = await Asking.begin();
    void team.ask('q1', 'Which?');
    await team.delegated;
    const waiting = team.call('lead', 'w1', 'wait', { handle: 'c1', seconds: 60 });
    await team.world.clock.advance(59_000);
    const isOver = jest.fn();
    void waiting.then(isOver);
    await settle();
    expect(isOver).not.toHaveBeenCalled();
    await team.world.clock.advance(1_000);
    await expect(waiting).resolves.toEqual(says('Its handle is c1', 'question q1'));
    await expect(team.call('lead', 'l1', 'list_teammates')).resolves.toEqual(says('question q1'));
    await team.first.holder.stop();
  });

  it('is one however often it is asked while it is open', async () => {
    const team = await Asking.begin();
    const first = team.ask('q1', 'Which?', ANSWER_MS);
    await team.world.clock.advance(ANSWER_MS);
    await expect(first).resolves.toEqual(says('The leader has not answered yet'));
    const again = team.ask('q2', 'Which?');
    await settle();
    await team.call('lead', 'a1', 'answer', { question: 'q1', text: 'The first.' });
    await expect(again).resolves.toEqual({ text: 'The first.' });
    expect(team.said).toHaveLength(3);
    await team.first.holder.stop();
  });

  it('outlives its worker, and so does the answer', async () => {
    const team = await Asking.begin();
    void team.ask('q1', 'Which?');
    await team.delegated;
    team.first.runtime.breakConnections();
    team.world.store.expireLease(team.runId);
    const second = team.world.worker();
    await second.holder.start();
    await team.world.until(() => second.runtime.callsOf('open') === 2);
    const again = team.ask('q1', 'Which?');
    await expect(team.call('lead', 'r1', 'result', { handle: 'c1' })).resolves.toEqual(says('question q1', 'Which?'));
    await team.call('lead', 'a1', 'answer', { question: 'q1', text: 'The first.' });
    await expect(again).resolves.toEqual({ text: 'The first.' });
    expect(team.said).toHaveLength(3);
    await Promise.all([team.first.holder.stop(), second.holder.stop()]);
  });

  it('is given up when its leader has ended its turn, and holds up no run', async () => {
    const team = await Asking.begin();
    const open = team.ask('q1', 'Which?');
    await settle();
    team.emit('lead', `done prompt:${team.runId} enough`);
    await expect(open).resolves.toEqual({ error: expect.stringContaining('by your own judgement') as string });
    await expect(team.ask('q2', 'And now?')).resolves.toEqual({
      error: expect.stringContaining('by your own judgement') as string,
    });
    team.emit('writer', 'done delegate:c1 seven');
    await team.world.eventually(() => team.world.store.read(team.runId).phase === 'finished');
    expect(team.world.store.read(team.runId).status).toBe('success');
    await team.first.holder.stop();
  });

  it('is given up with its task', async () => {
    const team = await Asking.begin();
    const open = team.ask('q1', 'Which?');
    await team.delegated;
    team.emit('writer', 'done delegate:c1 seven');
    await expect(open).resolves.toEqual({ error: 'the task that you asked about is over' });
    await expect(team.ask('q2', 'And now?')).resolves.toEqual({ error: 'you have no task to ask about' });
    await expect(team.call('lead', 'w1', 'wait', { handle: 'c1' })).resolves.toEqual({ text: 'seven' });
    await team.first.holder.stop();
  });

  it('is refused beyond its length, and beyond sixteen at a time', async () => {
    const team = await Asking.begin();
    await expect(team.ask('long', 'x'.repeat(LONGEST_QUESTION_CHARS + 1))).resolves.toMatchObject({
      error: expect.stringContaining('shared workspace') as string,
    });
    for (let count = 0; count < MOST_OPEN_QUESTIONS; count++) await team.ask(`q${count}`, `Which ${count}?`, 0);
    await expect(team.ask('more', 'And?')).resolves.toEqual({
      error: expect.stringContaining('at most 16 questions') as string,
    });
    await team.first.holder.stop();
  });

  it.each([
    ['writer', 'delegate', { agent: 'lead', task: 'x' }, 'there is no tool "delegate"; there are ask, note, notes'],
    ['writer', 'answer', { question: 'q', text: 'x' }, 'there is no tool "answer"; there are ask, note, notes'],
    ['writer', 'ask', {}, '"question" must say what you ask'],
    ['writer', 'ask', { question: 'x', seconds: 'soon' }, '"seconds" must be a number'],
    ['lead', 'ask', { question: 'x' }, 'there is no tool "ask"'],
    ['lead', 'answer', { question: 'q9', text: 'x' }, '"question" must be one that is open: (there is none)'],
  ])('%s is told what is wrong with %s %p', async (agent, tool, args, words) => {
    const team = await Asking.begin();
    await expect(team.call(agent, 'x', tool, args)).resolves.toEqual({
      error: expect.stringContaining(words) as string,
    });
    await team.first.holder.stop();
  });
});

describe('the notes of a team', () => {
  it('are read by all of it, and stand in the conversation once', async () => {
    const team = await Asking.begin();
    await expect(team.call('lead', 'r0', 'notes')).resolves.toEqual({ text: 'There are no notes yet.' });
    const twice = ['n1', 'n1'].map((id) => team.call('writer', id, 'note', { text: 'The file is large.' }));
    await expect(Promise.all(twice)).resolves.toEqual([{ text: 'Noted.' }, { text: 'Noted.' }]);
    await team.call('lead', 'n2', 'note', { text: 'Then read its end.' });
    const text = 'writer: The file is large.\nlead: Then read its end.';
    await expect(team.call('writer', 'r1', 'notes')).resolves.toEqual({ text });
    await expect(team.call('lead', 'r2', 'notes')).resolves.toEqual({ text });
    const stored = team.world.store.messages(team.runId).filter(({ content }) => 'note' in content);
    expect(stored.map(({ agent, kind, content }) => [agent, kind, content])).toEqual([
      ['writer', 'system', { text: 'The file is large.', note: 'n1' }],
      ['lead', 'system', { text: 'Then read its end.', note: 'n2' }],
    ]);
    await team.first.holder.stop();
  });

  it('outlive the worker, and a call that is sent again notes nothing twice', async () => {
    const team = await Asking.begin();
    await team.call('writer', 'n1', 'note', { text: 'Seven.' });
    team.first.runtime.breakConnections();
    team.world.store.expireLease(team.runId);
    const second = team.world.worker();
    await second.holder.start();
    await team.world.until(() => second.runtime.callsOf('open') === 2);
    await team.call('writer', 'n1', 'note', { text: 'Seven.' });
    await expect(team.call('lead', 'r1', 'notes')).resolves.toEqual({ text: 'writer: Seven.' });
    await Promise.all([team.first.holder.stop(), second.holder.stop()]);
  });

  it('have bounds, and what is read of them too', async () => {
    const team = await Asking.begin();
    await expect(team.call('writer', 'n', 'note', { text: 'x'.repeat(LONGEST_NOTE_CHARS + 1) })).resolves.toEqual({
      error: expect.stringContaining('may have 4096') as string,
    });
    await expect(team.call('writer', 'n', 'note', {})).resolves.toEqual({ error: '"text" must be what you note' });
    for (let count = 0; count < MOST_NOTES; count++)
      await team.call('writer', `n${count}`, 'note', { text: `${count} `.padEnd(1_000, 'x') });
    await expect(team.call('lead', 'more', 'note', { text: 'y' })).resolves.toEqual({
      error: expect.stringContaining('at most 200 notes') as string,
    });
    const read = await team.call('lead', 'r1', 'notes');
    expect(read).toEqual(says('older notes are left out', 'writer: 199 x'));
    expect('text' in read && read.text.length).toBeLessThan(33_000);
    await team.first.holder.stop();
  });
});
