import type { Agent } from '@crewtab/domain/teams/team';
import type { ToolCall } from '@crewtab/domain/ports/tool-server';
import { MOST_TASKS } from '@crewtab/domain/runs/delegation';
import { settle } from '@test/fakes/fake-clock';
import type { FakeProgram } from '@test/fakes/runtime/fake-agent';
import { obedient, World } from './spec-support';

const idle: FakeProgram['onLine'] = () => undefined;

/** A run whose leader is at work, on a fresh worker. */
async function atWork(
  programs: Record<string, FakeProgram>,
): Promise<{ world: World; runId: string; first: ReturnType<World['worker']> }> {
  const world = new World({ lead: obedient(idle), ...programs });
  const { id } = world.store.addRun();
  const first = world.worker();
  await first.holder.start();
  await first.holder.take(id);
  await world.eventually(() => world.store.read(id).phase === 'monitoring');
  return { world, runId: id, first };
}

function delegate(
  id: string,
  task: string,
  agent = 'writer',
): { id: string; agent: string; tool: string; arguments: Record<string, unknown> } {
  return { id, agent: 'lead', tool: 'delegate', arguments: { agent, task } };
}

describe('the prompt of a leader', () => {
  const agent = { name: 'lead', role: 'leader', protocol: 'acp' } as const;
  const promptOf = async (agents: readonly Agent[]): Promise<{ text: unknown; told: string | undefined }> => {
    const world = new World({ lead: obedient() });
    const { id } = world.store.addRun({ plan: { agents } });
    const { holder } = world.worker();
    await holder.take(id);
    await world.eventually(() => world.store.read(id).phase === 'finished');
    await holder.stop();
    const prompt = world.store.messages(id).find(({ kind }) => kind === 'prompt');
    return { text: prompt?.content['text'], told: world.turnsSeen[0] };
  };

  it('says who its teammates are, and stands in the conversation as it was sent', async () => {
    const mate = { name: 'writer', role: 'worker', protocol: 'acp', instructions: 'You write.' } as const;
    const { text, told } = await promptOf([agent, mate]);
    expect(text).toContain('\n- writer: You write.\n');
    expect(told).toContain(String(text).split('\n')[0]);
  });

  it.each([
    ['alone', [agent]],
    [
      'without tools',
      [
        { ...agent, protocol: 'command' as const },
        { ...agent, name: 'w', role: 'worker' as const },
      ],
    ],
  ])('that is %s has only the words of its user', async (_what, agents) => {
    expect((await promptOf(agents)).text).toBe('Write a report.');
  });
});

describe('delegating', () => {
  it('gives the task to the teammate and its answer to the leader, both in the conversation', async () => {
    const { world, runId, first } = await atWork({});
    await expect(world.toolServer.call(runId, delegate('c1', 'count the files'))).resolves.toEqual({
      text: 'well done',
    });
    expect(world.turnsSeen).toContain('turn delegate:c1 count the files');
    const said = world.store.messages(runId).filter(({ kind }) => kind === 'delegation');
    expect(said.map(({ agent, content }) => [agent, content])).toEqual([
      ['lead', { id: 'c1', to: 'writer', task: 'count the files' }],
      ['writer', { id: 'c1', to: 'lead', text: 'well done' }],
    ]);
    await first.holder.stop();
  });

  it('answers a call that is sent again without giving the task again', async () => {
    const { world, runId, first } = await atWork({});
    const [one, two] = await Promise.all([
      world.toolServer.call(runId, delegate('c1', 'count')),
      world.toolServer.call(runId, delegate('c1', 'count')),
    ]);
    expect(await world.toolServer.call(runId, delegate('c1', 'count'))).toEqual(one);
    expect(two).toEqual(one);
    expect(world.turnsSeen.filter((turn) => turn.includes('delegate:c1'))).toHaveLength(1);
    await first.holder.stop();
  });

  it('gives a teammate one task at a time', async () => {
    const { world, runId, first } = await atWork({
      writer: obedient((line, io) => io.after(1_000, () => io.emit(`done ${line.split(' ')[1] ?? ''} ok`))),
    });
    const both = Promise.all([
      world.toolServer.call(runId, delegate('c1', 'one')),
      world.toolServer.call(runId, delegate('c2', 'two')),
    ]);
    await world.until(() => world.turnsSeen.some((turn) => turn.includes('c1')));
    expect(world.turnsSeen.some((turn) => turn.includes('c2'))).toBe(false);
    await world.clock.advance(1_100);
    await world.until(() => world.turnsSeen.some((turn) => turn.includes('c2')));
    await world.clock.advance(1_100);
    await expect(both).resolves.toEqual([{ text: 'ok' }, { text: 'ok' }]);
    await first.holder.stop();
  });

  it('does not end the run while a task is open', async () => {
    const { world, runId, first } = await atWork({ writer: obedient(idle) });
    void world.toolServer.call(runId, delegate('c1', 'long work'));
    await world.until(() => world.turnsSeen.some((turn) => turn.includes('c1')));
    world.engine.agents.find(({ agent }) => agent.name === 'lead')?.emit(`done prompt:${runId} finished early`);
    await world.clock.advance(1_000);
    expect(world.store.read(runId).phase).toBe('monitoring');
    world.engine.agents.find(({ agent }) => agent.name === 'writer')?.emit('done delegate:c1 late');
    await world.eventually(() => world.store.read(runId).phase === 'finished');
    expect(world.store.read(runId).status).toBe('success');
    expect(await world.toolServer.list()).toEqual([]);
    await first.holder.stop();
  });

  it('tells the leader when a teammate fails or is unknown', async () => {
    const { world, runId, first } = await atWork({
      writer: obedient((line, io) => io.emit(`fail ${line.split(' ')[1] ?? ''} no idea`)),
    });
    await expect(world.toolServer.call(runId, delegate('c1', 'x'))).resolves.toEqual({ error: 'no idea' });
    await expect(world.toolServer.call(runId, delegate('c2', 'x', 'stranger'))).resolves.toMatchObject({
      error: expect.stringContaining('writer') as string,
    });
    await expect(world.toolServer.call(runId, delegate('c3', ' '))).resolves.toMatchObject({
      error: expect.stringContaining('task') as string,
    });
    await first.holder.stop();
  });

  it('survives the worker: the next one hears the answer, and the task is given once', async () => {
    const { world, runId, first } = await atWork({ writer: obedient((_line, io) => io.emit('say on it')) });
    void world.toolServer.call(runId, delegate('c1', 'long work'));
    await world.eventually(() => world.store.messages(runId).some(({ content }) => content['text'] === 'on it'));
    first.runtime.breakConnections();
    world.store.expireLease(runId);
    const second = world.worker();
    await second.holder.start();
    await world.until(() => second.runtime.callsOf('open') === 2);
    const again = world.toolServer.call(runId, delegate('c1', 'long work'));
    world.engine.agents.find(({ agent }) => agent.name === 'writer')?.emit('done delegate:c1 there you are');
    await world.eventually(() => world.store.messages(runId).filter(({ kind }) => kind === 'delegation').length === 2);
    await expect(again).resolves.toEqual({ text: 'there you are' });
    expect(world.turnsSeen.filter((turn) => turn.includes('delegate:c1'))).toHaveLength(1);
    await Promise.all([first.holder.stop(), second.holder.stop()]);
  });
});

describe('a task that may have arrived before its worker died', () => {
  const NOT_CONFIRMED = { error: expect.stringContaining('cannot tell whether it arrived') as string };
  const answers = (world: World, runId: string): unknown[] =>
    world.store
      .messages(runId)
      .filter(({ kind, agent }) => kind === 'delegation' && agent === 'writer')
      .map(({ content }) => content);

  async function adoptedUnread(
    writer: FakeProgram,
  ): Promise<{ world: World; runId: string; stop: () => Promise<void>; read: () => void }> {
    const { world, runId, first } = await atWork({ writer });
    void world.toolServer.call(runId, delegate('c1', 'long work'));
    await world.until(() => world.turnsSeen.some((turn) => turn.includes('c1')));
    first.runtime.breakConnections();
    world.store.expireLease(runId);
    const second = world.worker();
    const gates = [second.runtime.faults.next('open', 'hang'), second.runtime.faults.next('open', 'hang')];
    await second.holder.start();
    await Promise.all(gates.map(({ reached }) => reached));
    const stop = async (): Promise<void> => void (await Promise.all([first.holder.stop(), second.holder.stop()]));
    return { world, runId, stop, read: () => gates.forEach((gate) => gate.release()) };
  }

  it('is not given up while the output of its agent cannot be read', async () => {
    const { world, runId, stop, read } = await adoptedUnread(obedient((_line, io) => io.emit('say on it')));
    await world.clock.advance(30_000);
    expect(answers(world, runId)).toEqual([]);
    read();
    await world.clock.advance(30_000);
    world.engine.agents.find(({ agent }) => agent.name === 'writer')?.emit('done delegate:c1 there you are');
    await world.eventually(() => answers(world, runId).length > 0);
    expect(answers(world, runId)).toEqual([expect.objectContaining({ text: 'there you are' })]);
    await stop();
  });

  it('is given up when the output was read for long enough and shows nothing of it', async () => {
    const { world, runId, stop, read } = await adoptedUnread(obedient(idle));
    read();
    await settle();
    await world.clock.advance(4_900);
    expect(answers(world, runId)).toEqual([]);
    await world.eventually(() => answers(world, runId).length > 0, 1_000);
    expect(answers(world, runId)).toEqual([expect.objectContaining(NOT_CONFIRMED)]);
    await stop();
  });

  it('is left to the next worker by one that stops before it could give it', async () => {
    const { world, runId, first } = await atWork({});
    const gates = [first.runtime.faults.next('open', 'hang'), first.runtime.faults.next('open', 'hang')];
    first.runtime.breakConnections();
    await world.clock.advance(1_000);
    await Promise.all(gates.map(({ reached }) => reached));
    void world.toolServer.call(runId, delegate('c1', 'long work'));
    await settle();
    await first.holder.stop();
    expect(answers(world, runId)).toEqual([]);
    const second = world.worker();
    await second.holder.start();
    await world.eventually(() => answers(world, runId).length > 0);
    expect(answers(world, runId)).toEqual([expect.objectContaining({ text: 'well done' })]);
    expect(world.turnsSeen.filter((turn) => turn.includes('c1'))).toHaveLength(1);
    await second.holder.stop();
  });
});

describe('a task that takes longer than a call may', () => {
  const ANSWER_MS = 240_000;
  const call = (id: string, tool: string, args: Record<string, unknown>, waitedMs = 0): ToolCall => ({
    id,
    agent: 'lead',
    tool,
    arguments: args,
    waitedMs,
  });
  const done = (world: World, id: string, text: string): void =>
    world.engine.agents.find(({ agent }) => agent.name === 'writer')?.emit(`done delegate:${id} ${text}`);
  const isBegun = (world: World, id: string) => (): boolean =>
    world.turnsSeen.some((turn) => turn.startsWith(`turn delegate:${id} `));
  const handleOf = (id: string): object => ({ text: expect.stringContaining(`Its handle is ${id}\n`) as string });

  it('is answered with a handle after four minutes, and by wait and result later', async () => {
    const { world, runId, first } = await atWork({ writer: obedient(idle) });
    const given = world.toolServer.call(runId, delegate('c1', 'long work'));
    await world.until(isBegun(world, 'c1'));
    await world.clock.advance(ANSWER_MS - 1);
    const isAnswered = jest.fn();
    void given.then(isAnswered);
    await settle();
    expect(isAnswered).not.toHaveBeenCalled();
    await world.clock.advance(1);
    await expect(given).resolves.toEqual(handleOf('c1'));

    await expect(world.toolServer.call(runId, call('r1', 'result', { handle: 'c1' }))).resolves.toEqual(
      handleOf('c1~1'),
    );
    const waiting = world.toolServer.call(runId, call('w1', 'wait', { handle: 'c1' }));
    await world.clock.advance(ANSWER_MS);
    // Another handle each time: programs end a turn that makes the same call again and again.
    await expect(waiting).resolves.toEqual(handleOf('c1~1'));
    const third = world.toolServer.call(runId, call('w2', 'wait', { handle: 'c1~1', seconds: 0 }));
    await expect(third).resolves.toEqual(handleOf('c1~2'));
    const again = world.toolServer.call(runId, call('w3', 'wait', { handle: 'c1~2', seconds: 100 }));
    done(world, 'c1', 'at last');
    await expect(again).resolves.toEqual({ text: 'at last' });
    await expect(world.toolServer.call(runId, call('r2', 'result', { handle: 'c1' }))).resolves.toEqual({
      text: 'at last',
    });
    await first.holder.stop();
  });

  it('is one of several, which the leader need not wait for', async () => {
    const { world, runId, first } = await atWork({ writer: obedient(idle) });
    for (const id of ['c1', 'c2']) {
      const args = { agent: 'writer', task: `task ${id}`, seconds: 0 };
      await expect(world.toolServer.call(runId, call(id, 'delegate', args))).resolves.toEqual(handleOf(id));
    }
    await world.until(isBegun(world, 'c1'));
    done(world, 'c1', 'one');
    await world.until(isBegun(world, 'c2'));
    await expect(world.toolServer.call(runId, call('r', 'result', {}))).resolves.toEqual({
      text: JSON.stringify(
        [
          { handle: 'c1', agent: 'writer', isAnswered: true },
          { handle: 'c2', agent: 'writer', isAnswered: false },
        ],
        null,
        2,
      ),
    });
    await first.holder.stop();
  });

  it('is given once when it is asked for again while it is under way, and anew after its answer', async () => {
    const { world, runId, first } = await atWork({ writer: obedient(idle) });
    const both = [delegate('c1', 'count'), delegate('c2', 'count')].map((one) => world.toolServer.call(runId, one));
    await world.until(isBegun(world, 'c1'));
    await expect(
      world.toolServer.call(runId, call('c3', 'delegate', { agent: 'writer', task: 'count', seconds: 0 })),
    ).resolves.toEqual(handleOf('c1'));
    done(world, 'c1', 'seven');
    await expect(Promise.all(both)).resolves.toEqual([{ text: 'seven' }, { text: 'seven' }]);
    await expect(world.toolServer.call(runId, delegate('c3', 'count'))).resolves.toEqual({ text: 'seven' });
    expect(world.turnsSeen.filter((turn) => turn.includes('delegate:'))).toHaveLength(1);
    void world.toolServer.call(runId, delegate('c4', 'count'));
    await world.until(isBegun(world, 'c4'));
    await first.holder.stop();
  });

  it('keeps its handle, and the calls that joined it, when its worker dies', async () => {
    const { world, runId, first } = await atWork({ writer: obedient((_line, io) => io.emit('say on it')) });
    const args = { agent: 'writer', task: 'long work', seconds: 0 };
    await world.toolServer.call(runId, call('c1', 'delegate', args));
    await world.toolServer.call(runId, call('c2', 'delegate', args));
    await world.eventually(() => world.store.messages(runId).some(({ content }) => content['text'] === 'on it'));
    first.runtime.breakConnections();
    world.store.expireLease(runId);
    const second = world.worker();
    await second.holder.start();
    await world.until(() => second.runtime.callsOf('open') === 2);
    // What the leader has waited for the dead worker is a part of the four minutes.
    const cut = world.toolServer.call(runId, call('w1', 'wait', { handle: 'c1' }, ANSWER_MS - 10_000));
    await world.clock.advance(10_000);
    await expect(cut).resolves.toEqual(handleOf('c1~1'));
    const waiting = world.toolServer.call(runId, call('w2', 'wait', { handle: 'c1' }));
    done(world, 'c1', 'there you are');
    await expect(waiting).resolves.toEqual({ text: 'there you are' });
    await expect(world.toolServer.call(runId, call('c2', 'delegate', args))).resolves.toEqual({
      text: 'there you are',
    });
    expect(world.turnsSeen.filter((turn) => turn.includes('delegate:'))).toHaveLength(1);
    await Promise.all([first.holder.stop(), second.holder.stop()]);
  });

  it.each([
    ['a handle that was never given', 'wait', { handle: 'x' }, /"handle" must be one .*: c1 \(writer\)$/],
    ['no handle', 'wait', {}, /"handle" must be one/],
    ['a handle that is no text', 'result', { handle: 7 }, /"handle" must be one/],
    ['no number of seconds', 'wait', { handle: 'c1', seconds: 'soon' }, /"seconds" must be a number from 0 to 240/],
    ['less than no seconds', 'delegate', { agent: 'writer', task: 'x', seconds: -1 }, /"seconds" must be/],
    ['a tool that there is not', 'sleep', {}, /there are list_teammates, delegate, wait, result, answer, note, notes/],
  ])('tells the leader of %s', async (_what, tool, args, says) => {
    const { world, runId, first } = await atWork({ writer: obedient(idle) });
    await world.toolServer.call(runId, call('c1', 'delegate', { agent: 'writer', task: 'y', seconds: 0 }));
    await expect(world.toolServer.call(runId, call('q', tool, args))).resolves.toEqual({
      error: expect.stringMatching(says) as string,
    });
    await first.holder.stop();
  });

  it('leaves no timer behind once the worker has let the run go', async () => {
    const { world, runId, first } = await atWork({ writer: obedient(idle) });
    void world.toolServer.call(runId, delegate('c1', 'long work'));
    await world.until(isBegun(world, 'c1'));
    const before = world.clock.pendingTimers;
    await first.holder.stop();
    expect(world.clock.pendingTimers).toBeLessThan(before);
  });

  it('is the last of a thousand', async () => {
    const { world, runId, first } = await atWork({});
    for (let count = 0; count < MOST_TASKS; count++) await world.toolServer.call(runId, delegate(`c${count}`, 'x'));
    await expect(world.toolServer.call(runId, delegate('more', 'x'))).resolves.toEqual({
      error: expect.stringContaining('at most 1000 tasks') as string,
    });
    await first.holder.stop();
  });
});
