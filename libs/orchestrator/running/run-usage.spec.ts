import type { ReportedUsage } from '@crewtab/domain/runs/usage';
import type { FakeAgentIo } from '@test/fakes/runtime/fake-agent';
import { obedient, World } from './spec-support';

const turnOf = (line: string): string => line.split(' ')[1] ?? '';

/** Reports with the end of its turn, as programs do. */
const reporting = obedient((line, io: FakeAgentIo) => {
  io.emit('used 5');
  io.emit('say one');
  io.after(5_000, () => {
    io.emit('used 12');
    io.emit(`done ${turnOf(line)} fine`);
    io.emit('used 12');
  });
});

const storedIn = (world: World, id: string): ReportedUsage | undefined =>
  world.store.read(id).deployment?.agents.find(({ name }) => name === 'lead')?.usage;

describe('what an agent reports of its usage', () => {
  it('is stored as it comes, and told with the end of the run', async () => {
    const world = new World({ lead: reporting });
    const { id } = world.store.addRun();
    const { holder } = world.worker();
    await holder.start();
    await holder.take(id);
    await world.eventually(() => storedIn(world, id)?.inputTokens === 5);
    await world.eventually(() => world.store.read(id).phase === 'finished');
    expect(storedIn(world, id)).toMatchObject({ inputTokens: 12, turns: 1 });
    const events = await world.store.events.number(100);
    expect(events.at(-1)?.data.usage).toMatchObject({ inputTokens: 12, cost: null, incomplete: ['cost'] });
    await holder.stop();
  });

  it('is counted on by the worker that adopts the run, and nothing of it twice', async () => {
    const world = new World({ lead: reporting });
    const { id } = world.store.addRun();
    const first = world.worker();
    await first.holder.start();
    await first.holder.take(id);
    await world.eventually(() => storedIn(world, id)?.inputTokens === 5);
    await first.holder.stop();
    const second = world.worker();
    await second.holder.start();
    await world.eventually(() => world.store.read(id).phase === 'finished');
    expect(world.store.read(id).epoch).toBeGreaterThan(1);
    expect(storedIn(world, id)).toMatchObject({ inputTokens: 12, turns: 1, countedTurns: 1 });
    await second.holder.stop();
  });

  it('is stored of lines that an earlier version stored without it', async () => {
    const world = new World({ lead: reporting });
    const { id } = world.store.addRun();
    const first = world.worker();
    const append = world.store.appendMessages.bind(world.store);
    const older = jest.spyOn(world.store, 'appendMessages').mockImplementation((claim, messages, move) => {
      if (!move) return append(claim, messages);
      const { usage: _, ...cursor } = move;
      return append(claim, messages, cursor);
    });
    await first.holder.start();
    await first.holder.take(id);
    await world.eventually(() => world.store.messages(id).some(({ content }) => content['text'] === 'one'));
    await first.holder.stop();
    expect(storedIn(world, id)).toBeUndefined();
    older.mockRestore();
    const second = world.worker();
    await second.holder.start();
    await world.eventually(() => storedIn(world, id)?.inputTokens === 5, 2_000);
    await second.holder.stop();
  });
});
