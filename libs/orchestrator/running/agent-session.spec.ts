import { settle } from '@test/fakes/fake-clock';
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
