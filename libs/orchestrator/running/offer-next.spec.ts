import { AppError } from '@crewtab/domain/errors';
import { obedient, World } from './spec-support';

const SCHEDULE = '01890000-0000-7000-8000-0000000000aa';

/** A schedule whose runs follow each other, and two runs of it: the second one waits. */
function makeLine(programs: ConstructorParameters<typeof World>[0] = {}) {
  const world = new World(programs);
  const wish = { scheduleId: SCHEDULE, isExclusive: true };
  const first = world.store.addRun({ ...wish, scheduledFor: new Date('2026-01-05T08:58:00Z') }).id;
  const second = world.store.addRun({ ...wish, scheduledFor: new Date('2026-01-05T08:59:00Z') }).id;
  return { world, first, second, ...world.worker() };
}

describe('the next run in line', () => {
  it('is offered the moment a success is finished', async () => {
    const { world, first, second, holder } = makeLine();
    expect(await holder.take(second)).toBe('unavailable');
    await holder.take(first);
    await world.eventually(() => world.store.read(first).status === 'success');
    await world.until(() => world.queue.offered.length > 0);
    expect(world.queue.offered).toEqual([second]);
    expect(await holder.take(second)).toBe('taken');
    await holder.stop();
  });

  it('is offered when a failure is decided, while its teardown goes on', async () => {
    const { world, first, second, holder, runtime } = makeLine({
      lead: obedient((line, io) => io.emit(`fail ${line.split(' ')[1] ?? ''} no idea`)),
    });
    const gate = runtime.faults.next('teardown', 'hang');
    await holder.take(first);
    await world.eventually(() => world.queue.offered.length > 0);
    expect(world.store.read(first)).toMatchObject({ status: 'failed', phase: 'tearing_down' });
    expect(world.queue.offered).toEqual([second]);
    gate.release();
    await world.eventually(() => world.store.read(first).phase === 'finished');
    expect(world.queue.offered).toEqual([second]);
    await holder.stop();
  });

  it('is offered by whoever adopts the ended run, if its worker died before', async () => {
    const { world, first, second } = makeLine();
    const dead = world.worker();
    const claim = { runId: first, epoch: (await world.store.claim(first, dead.identity))?.epoch ?? 0 };
    await world.store.begin(claim, { name: 'a', fallbackName: 'b', host: dead.identity.host, runtime: 'fake' });
    const error = { code: 'agent_error', message: 'no' } as const;
    await world.store.conclude(claim, { status: 'failed', result: null, error });
    world.store.expireLease(first);
    const { holder } = world.worker();
    await holder.start();
    await world.eventually(() => world.queue.offered.length > 0);
    expect(world.queue.offered).toEqual([second]);
    await holder.stop();
  });

  it('waits for the sweeper when Redis does not answer, and harms nobody', async () => {
    const { world, first, second, holder } = makeLine();
    world.queue.offerRuns = () => Promise.reject(new AppError('internal', 'no Redis'));
    await holder.take(first);
    await world.eventually(() => world.store.read(first).phase === 'finished');
    await world.until(() => world.logger.messages('warn').some((words) => words.includes('the sweeper will')));
    expect(await world.store.findOfferable(0, 10)).toEqual([second]);
    await holder.stop();
  });
});
