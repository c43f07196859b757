import { settle } from '@test/fakes/fake-clock';
import { LineProtocol } from '@test/fakes/protocol/line-protocol';
import { obedient, World } from './spec-support';

describe('the output stream of an agent', () => {
  it('that breaks before its last words are stored gives them once', async () => {
    const world = new World({
      lead: obedient((line, io) => {
        io.emit('say one');
        io.emit('say two');
        io.after(5_000, () => io.emit(`done ${line.split(' ')[1] ?? ''} fine`));
      }),
    });
    const { id } = world.store.addRun();
    const { holder, runtime } = world.worker();
    await holder.start();
    await holder.take(id);
    await world.until(() => world.turnsSeen.length === 1 && world.store.read(id).phase === 'monitoring');
    runtime.breakConnections();
    await world.eventually(() => world.store.read(id).phase === 'finished');
    const said = world.store.messages(id).filter(({ kind }) => kind === 'agent_message');
    expect(said.map(({ content }) => content['text']).join('|')).toBe('one|two');
    await holder.stop();
  });
});

describe('a connection that breaks between the permit and the prompt', () => {
  it('is opened again, and the prompt is sent once', async () => {
    const world = new World();
    const { id } = world.store.addRun();
    const { holder, runtime } = world.worker();
    const permitPrompt = world.store.permitPrompt.bind(world.store);
    jest.spyOn(world.store, 'permitPrompt').mockImplementation(async (...permit) => {
      const isOurs = await permitPrompt(...permit);
      runtime.breakConnections();
      await settle();
      return isOurs;
    });
    await holder.start();
    await holder.take(id);
    await world.eventually(() => world.store.read(id).phase === 'finished');
    expect(world.store.read(id)).toMatchObject({ status: 'success' });
    expect(world.turnsSeen).toHaveLength(1);
    await holder.stop();
  });
});

describe('an engine that is away for long while a team is deployed', () => {
  it('is waited for without leaving anything behind at each attempt', async () => {
    const world = new World();
    const { id } = world.store.addRun();
    const { holder, runtime } = world.worker();
    for (let attempt = 1; attempt <= 12; attempt++) runtime.faults.next('prepare', 'failBefore');
    const removed = jest.spyOn(AbortSignal.prototype, 'removeEventListener');
    await holder.start();
    await holder.take(id);
    await world.eventually(() => world.store.read(id).phase === 'finished');
    expect(world.store.read(id).status).toBe('success');
    expect(removed.mock.calls.filter(([event]) => event === 'abort')).toHaveLength(12);
    await holder.stop();
  });
});

describe('an agent that still talks when its turn has ended', () => {
  const grace = { quietMs: 150, mostMs: 1_000 };
  const lines = (world: World, ...said: string[]): void => {
    const lead = world.engine.agents.find(({ agent }) => agent.name === 'lead');
    for (const line of said) lead?.emit(line);
  };

  async function working(): Promise<{ world: World; id: string; stop: () => Promise<void> }> {
    const world = new World({ lead: obedient(() => undefined) }, {}, new LineProtocol(grace));
    const { id } = world.store.addRun();
    world.toolServer.reached.add(id);
    const { holder } = world.worker();
    await holder.take(id);
    await world.until(() => world.store.read(id).phase === 'monitoring');
    return { world, id, stop: () => holder.stop() };
  }

  it('is listened to until it has been quiet for a moment', async () => {
    const { world, id, stop } = await working();
    lines(world, `done prompt:${id} half`);
    await world.clock.advance(100);
    lines(world, `done prompt:${id} half and half`);
    await world.clock.advance(100);
    expect(world.store.read(id).outcome).toBeNull();
    await world.clock.advance(100);
    await world.until(() => world.store.read(id).phase === 'finished');
    expect(world.store.read(id)).toMatchObject({ outcome: { result: 'half and half' }, warnings: [] });
    await stop();
  });

  it('is not listened to for ever', async () => {
    const { world, id, stop } = await working();
    lines(world, `done prompt:${id} word 0`);
    for (let word = 1; word <= 12; word++) {
      await world.clock.advance(100);
      lines(world, `done prompt:${id} word ${word}`);
      await settle();
    }
    await world.until(() => world.store.read(id).phase === 'finished');
    const { outcome, warnings } = world.store.read(id);
    expect(outcome).toMatchObject({ status: 'success', result: expect.stringMatching(/^word (9|10)$/) as string });
    expect(warnings).toEqual([
      { code: 'words_outside_turn', message: expect.stringContaining('still talked 1000 ms after') as string },
    ]);
    await stop();
  });

  it('is not waited for once it has ended', async () => {
    const { world, id, stop } = await working();
    const lead = world.engine.agents.find(({ agent }) => agent.name === 'lead');
    lead?.emit(`done prompt:${id} all`);
    lead?.exit(0);
    await world.until(() => world.store.read(id).phase === 'finished');
    expect(world.store.read(id)).toMatchObject({ status: 'success', outcome: { result: 'all' } });
    await stop();
  });

  it.each([
    ['', 0],
    [', on a clock that is corrected by a moment', 1],
  ])('has not answered its task before, and has then%s', async (_clock, correctedByMs) => {
    const world = new World(
      { lead: obedient(() => undefined), writer: obedient(() => undefined) },
      {},
      new LineProtocol(grace),
    );
    const { id } = world.store.addRun();
    const { holder } = world.worker();
    await holder.take(id);
    await world.until(() => world.store.read(id).phase === 'monitoring');
    let answer: unknown = null;
    const call = { id: 'c1', agent: 'lead', tool: 'delegate', arguments: { agent: 'writer', task: 'count' } };
    void world.toolServer.call(id, call).then((given) => (answer = given));
    await world.until(() => world.turnsSeen.length === 2);
    world.engine.agents.find(({ agent }) => agent.name === 'writer')?.emit('done delegate:c1 seven');
    await world.clock.advance(100);
    expect(answer).toBeNull();
    world.clock.setWallClock(new Date(world.clock.now().getTime() - correctedByMs));
    await world.clock.advance(100);
    await settle();
    expect(answer).toEqual({ text: 'seven' });
    await holder.stop();
  });
});
