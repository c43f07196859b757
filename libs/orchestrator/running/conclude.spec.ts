import { settle } from '@test/fakes/fake-clock';
import { obedient, World } from './spec-support';

describe('the outcome of a run', () => {
  it('comes after everything that was said before it: a word in the last moment is kept', async () => {
    const world = new World({ lead: obedient(() => undefined) });
    const { id } = world.store.addRun({ plan: { timeoutMs: 90_000 } });
    const { holder } = world.worker();
    await holder.take(id);
    await world.eventually(() => world.store.read(id).phase === 'monitoring');
    const leftMs = (world.store.read(id).deadlineAt?.getTime() ?? 0) - world.clock.now().getTime();
    // Closer to the deadline than words are kept in memory to be joined.
    const lead = world.engine.agents.find(({ agent }) => agent.name === 'lead');
    lead?.emit('say at it');
    await world.clock.advance(leftMs - 10);
    lead?.emit('say almost there');
    await settle();
    await world.eventually(() => world.store.read(id).phase === 'finished');
    expect(world.store.read(id).status).toBe('timeout');
    expect(world.store.messages(id).map(({ kind, content }) => `${kind}: ${String(content['text'])}`)).toEqual([
      'prompt: Write a report.',
      'agent_message: at it',
      'agent_message: almost there',
      expect.stringContaining('system: '),
    ]);
    await holder.stop();
  });
});
