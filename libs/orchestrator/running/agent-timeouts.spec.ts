import type { Agent } from '@crewtab/domain/teams/team';
import { obedient, World } from './spec-support';

const LEAD = { name: 'lead', role: 'leader', protocol: 'acp' } as const;
const WRITER = { name: 'writer', role: 'worker', protocol: 'acp' } as const;
const mute = obedient(() => undefined);

function started(agents: readonly Agent[]): { world: World; id: string } {
  const world = new World({ lead: mute, writer: mute });
  return { world, id: world.store.addRun({ plan: { agents, timeoutMs: 900_000 } }).id };
}

const errorOf = (world: World, id: string) => world.store.read(id).outcome?.error;
const emit = (world: World, name: string, line: string): void =>
  world.engine.agents.find(({ agent }) => agent.name === name)?.emit(line);

describe('the idle timeout of an agent', () => {
  it('ends the run when it wrote nothing for so long, and not before', async () => {
    const { world, id } = started([{ ...LEAD, idleTimeoutMs: 60_000 }]);
    const { holder } = world.worker();
    await holder.take(id);
    await world.until(() => world.store.read(id).phase === 'monitoring');
    await world.clock.advance(50_000);
    emit(world, 'lead', 'say still here');
    await world.clock.advance(59_000);
    expect(world.store.read(id).outcome).toBeNull();
    await world.eventually(() => world.store.read(id).phase === 'finished', 10_000);
    expect(errorOf(world, id)).toEqual({
      code: 'agent_idle',
      message: expect.stringMatching(
        /^agent "lead" wrote nothing for its idleTimeout.*was at work, 1m before/,
      ) as string,
    });
    await holder.stop();
  });

  it('is off unless it is set', async () => {
    const { world, id } = started([LEAD]);
    const { holder } = world.worker();
    await holder.take(id);
    await world.until(() => world.store.read(id).phase === 'monitoring');
    await world.eventually(() => world.store.read(id).phase === 'finished', 1_000_000);
    expect(errorOf(world, id)).toMatchObject({
      code: 'timeout',
      message: expect.stringMatching(/"lead" was at work/) as string,
    });
    await holder.stop();
  });

  it('does not run while it waits for a teammate, and begins anew with the answer', async () => {
    const { world, id } = started([{ ...LEAD, idleTimeoutMs: 60_000 }, WRITER]);
    const { holder } = world.worker();
    await holder.take(id);
    await world.until(() => world.store.read(id).phase === 'monitoring');
    void world.toolServer.call(id, {
      id: 'c1',
      agent: 'lead',
      tool: 'delegate',
      arguments: { agent: 'writer', task: 'count' },
    });
    await world.until(() => world.turnsSeen.length === 2);
    await world.clock.advance(300_000);
    emit(world, 'writer', 'done delegate:c1 seven');
    await world.until(() => world.store.messages(id).filter(({ kind }) => kind === 'delegation').length === 2);
    await world.clock.advance(55_000);
    expect(world.store.read(id).outcome).toBeNull();
    await world.eventually(() => world.store.read(id).phase === 'finished', 10_000);
    expect(errorOf(world, id)).toMatchObject({ code: 'agent_idle' });
    await holder.stop();
  });

  it('goes on where it stood when another worker adopts the run', async () => {
    const { world, id } = started([{ ...LEAD, idleTimeoutMs: 60_000 }]);
    const first = world.worker();
    await first.holder.take(id);
    await world.until(() => world.store.read(id).phase === 'monitoring');
    emit(world, 'lead', 'say one');
    await world.clock.advance(40_000);
    await first.holder.stop();
    const second = world.worker();
    await second.holder.start();
    await world.eventually(() => world.store.ownerOf(id) === second.identity.workerId);
    await world.eventually(() => world.store.read(id).phase === 'finished', 25_000);
    expect(errorOf(world, id)).toMatchObject({ code: 'agent_idle' });
    await second.holder.stop();
  });
});

it('the handshake timeout of an agent goes before that of the worker', async () => {
  const world = new World({ lead: {}, writer: obedient() }, { handshakeTimeoutMs: 10_000 });
  const agents = [{ ...LEAD, handshakeTimeoutMs: 70_000 }, WRITER];
  const { id } = world.store.addRun({ plan: { agents } });
  const { holder } = world.worker();
  await holder.take(id);
  await world.clock.advance(69_000);
  expect(world.store.read(id).outcome).toBeNull();
  await world.eventually(() => world.store.read(id).phase === 'finished', 10_000);
  expect(errorOf(world, id)).toMatchObject({ code: 'handshake_timeout' });
  await holder.stop();
});
