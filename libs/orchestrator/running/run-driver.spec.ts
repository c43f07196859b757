import { AppError } from '@crewtab/domain/errors';
import { settle } from '@test/fakes/fake-clock';
import type { FakeProgram } from '@test/fakes/runtime/fake-agent';
import { TEARDOWN_LIMIT_MS } from './team-deployment';
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
      expect.stringMatching(/^prompt: Write a report\.\n/),
      'agent_message: at it',
      'agent_message: almost there',
      expect.stringContaining('system: '),
    ]);
    await holder.stop();
  });
});

describe('what there is to warn of', () => {
  const warned = (io: { emit(line: string): void }, line: string): void => {
    io.emit('warn sunny');
    io.emit(`done ${line.split(' ')[1] ?? ''} well done`);
  };
  const UNKNOWN = { code: 'unknown_update', message: expect.stringContaining('"lead" sent an update') as string };
  const UNUSED = { code: 'team_tools_unused', message: expect.stringContaining('"lead" never started') as string };

  it('is stored with the outcome, and its codes with the event of it', async () => {
    const world = new World({ lead: obedient((line, io) => warned(io, line)) });
    const { id } = world.store.addRun();
    const { holder } = world.worker();
    await holder.take(id);
    await world.until(() => world.store.read(id).phase === 'finished');
    expect(world.store.read(id)).toMatchObject({ status: 'success', warnings: [UNUSED, UNKNOWN] });
    const told = (await world.store.events.number(100)).flatMap(({ data }) => data.warnings ?? []);
    expect(told).toEqual(['team_tools_unused', 'unknown_update']);
    await holder.stop();
  });

  it.each([
    ['of a leader that has started its tools', true, undefined],
    ['of a leader without a team', false, [{ name: 'lead', role: 'leader', protocol: 'acp' } as const]],
  ])('is no tool that was not started %s', async (_whose, isReached, agents) => {
    const world = new World({ lead: obedient((line, io) => warned(io, line)) });
    const { id } = world.store.addRun(agents && { plan: { agents } });
    if (isReached) world.toolServer.reached.add(id);
    const { holder } = world.worker();
    await holder.take(id);
    await world.until(() => world.store.read(id).phase === 'finished');
    expect(world.store.read(id).warnings).toEqual([UNKNOWN]);
    await holder.stop();
  });

  it('is read again by the worker that adopts the run, as far as it can know', async () => {
    const world = new World({ lead: obedient((_line, io) => io.emit('warn sunny')) });
    const { id } = world.store.addRun();
    const first = world.worker();
    await first.holder.take(id);
    await world.eventually(() => world.store.read(id).phase === 'monitoring');
    await first.holder.stop();
    const second = world.worker();
    await second.holder.start();
    await world.eventually(() => world.store.ownerOf(id) === second.identity.workerId);
    world.engine.agents.find(({ agent }) => agent.name === 'lead')?.emit(`done prompt:${id} at last`);
    await world.eventually(() => world.store.read(id).phase === 'finished');
    expect(world.store.read(id)).toMatchObject({ status: 'success', warnings: [UNKNOWN] });
    await second.holder.stop();
  });
});

describe('a cancel that is committed while the outcome is on its way', () => {
  it('goes before it: who was told that the run will be cancelled is not shown a success', async () => {
    const world = new World({ lead: obedient() });
    const { id } = world.store.addRun();
    const { holder } = world.worker();
    const conclude = world.store.conclude.bind(world.store);
    const asked: string[] = [];
    jest.spyOn(world.store, 'conclude').mockImplementation((claim, outcome) => {
      if (asked.push(outcome.status) === 1) world.store.requestCancel(id);
      return conclude(claim, outcome);
    });
    await holder.start();
    await holder.take(id);
    await world.until(() => world.store.read(id).phase === 'finished');
    expect(asked).toEqual(['success', 'cancelled']);
    expect(world.store.read(id)).toMatchObject({ status: 'cancelled', outcome: { error: { code: 'cancelled' } } });
    await holder.stop();
  });
});

describe('a cancel that is committed while the prompt is being confirmed', () => {
  it('is not overwritten by the row that was read before it', async () => {
    const world = new World({ lead: obedient(() => undefined) });
    const { id } = world.store.addRun();
    const { holder } = world.worker();
    const confirm = world.store.confirmPrompt.bind(world.store);
    let isConfirmed = false;
    let deliver: () => void = () => undefined;
    const isDelivered = new Promise<void>((resolve) => (deliver = resolve));
    jest.spyOn(world.store, 'confirmPrompt').mockImplementation(async (claim) => {
      const row = await confirm(claim);
      isConfirmed = true;
      await isDelivered;
      return row;
    });
    await holder.start();
    await holder.take(id);
    await world.eventually(() => isConfirmed);
    world.store.requestCancel(id);
    // The signal of the cancel comes through before the answer to the confirmation.
    for (let turn = 0; turn < 20; turn++) await settle();
    deliver();
    // At once, not with the next renewal of the lease.
    await world.until(() => world.store.read(id).status === 'cancelled');
    await holder.stop();
  });
});

describe('a teardown', () => {
  it('is not taken for a clean one because the engine did not answer', async () => {
    const world = new World();
    const { id } = world.store.addRun();
    const { holder, runtime } = world.worker();
    runtime.faults.next('teardown', 'failBefore');
    await holder.take(id);
    await world.eventually(() => world.store.read(id).phase === 'finished');
    expect(world.engine.agents).toHaveLength(0);
    expect(world.store.read(id).status).toBe('success');
    expect(world.store.read(id).teardown).toMatchObject({
      failedAttempts: 1,
      receipt: { removed: { container: 2 } },
    });
    await holder.stop();
  });

  it('is complete although its answer was lost, and is verified by asking again', async () => {
    const world = new World();
    const { id } = world.store.addRun();
    const { holder, runtime } = world.worker();
    runtime.faults.next('teardown', 'failAfter');
    await holder.take(id);
    await world.eventually(() => world.store.read(id).phase === 'finished');
    expect(world.engine.agents).toHaveLength(0);
    expect(runtime.callsOf('teardown')).toBe(2);
    await holder.stop();
  });

  it('is given up when the engine never answers, counted, and tried again by the same worker', async () => {
    const world = new World();
    const { id } = world.store.addRun();
    const { holder, runtime } = world.worker();
    const gate = runtime.faults.next('teardown', 'hang');
    await holder.start();
    await holder.take(id);
    await world.until(() => runtime.callsOf('teardown') === 1);
    const { epoch } = world.store.read(id);
    await world.eventually(() => world.store.read(id).phase === 'finished', TEARDOWN_LIMIT_MS + 1_000);
    expect(world.store.read(id)).toMatchObject({ status: 'success', epoch, teardown: { failedAttempts: 1 } });
    expect(world.logger.entries.find(({ message }) => message === 'teardown failed')?.fields).toMatchObject({
      code: 'teardown_failed',
      error: `the engine did not answer within ${TEARDOWN_LIMIT_MS} ms`,
    });
    // What hung may come back later: it changes nothing any more.
    const before = world.store.read(id);
    gate.release();
    await world.clock.advance(10_000);
    expect(world.store.read(id)).toEqual(before);
    await holder.stop();
  });

  it('does not wait for ever for the making of an agent that never answers', async () => {
    const world = new World();
    const { id } = world.store.addRun();
    const { holder, runtime } = world.worker();
    const ensureAgent = jest.spyOn(runtime, 'ensureAgent').mockReturnValue(new Promise(() => undefined));
    await holder.start();
    await holder.take(id);
    await world.until(() => ensureAgent.mock.calls.length > 0);
    world.store.requestCancel(id);
    await world.eventually(() => world.store.read(id).phase === 'finished', TEARDOWN_LIMIT_MS + 5_000);
    expect(world.store.read(id)).toMatchObject({ status: 'cancelled', teardown: { failedAttempts: 0 } });
    expect(world.logger.messages('warn')).toContain(
      'a call that makes something does not come back; going on without it',
    );
    await holder.stop();
  });
});

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

  it('is offered by the worker that adopts the ended run, if its worker died before', async () => {
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

  it('waits for the sweeper when Redis does not answer, and harms no run', async () => {
    const { world, first, second, holder } = makeLine();
    world.queue.offerRuns = () => Promise.reject(new AppError('internal', 'no Redis'));
    await holder.take(first);
    await world.eventually(() => world.store.read(first).phase === 'finished');
    await world.until(() => world.logger.messages('warn').some((words) => words.includes('the sweeper will')));
    expect(await world.store.findOfferable(0, 10)).toEqual([second]);
    await holder.stop();
  });
});

describe('work that is cut short', () => {
  const alone = { agents: [{ name: 'lead', role: 'leader', protocol: 'acp', image: 'agent:test' }] } as const;

  /** A leader that works on its turn until it is cancelled, and what it heard since. */
  function worker(onCancel: NonNullable<FakeProgram['onLine']>): { heard: string[]; program: FakeProgram } {
    const heard: string[] = [];
    const program: FakeProgram = {
      onLine: (line, io) => {
        if (line !== 'cancel') return obedient(() => undefined).onLine?.(line, io);
        heard.push('cancel');
        onCancel(line, io);
      },
      onTerminate: (io) => {
        heard.push('SIGTERM');
        io.exit(143);
      },
    };
    return { heard, program };
  }

  async function atWork(program: FakeProgram, plan: object = alone) {
    const world = new World({ lead: program });
    const { id } = world.store.addRun({ plan });
    const { holder, runtime } = world.worker();
    const teardown = jest.spyOn(runtime, 'teardown');
    await holder.start();
    await holder.take(id);
    await world.eventually(() => world.store.read(id).phase === 'monitoring');
    const graces = (): number[] => teardown.mock.calls.map(([, , { graceMs }]) => graceMs);
    return { world, id, holder, runtime, graces };
  }

  const finished = ({ world, id }: { world: World; id: string }): Promise<void> =>
    world.eventually(() => world.store.read(id).phase === 'finished');

  it.each([
    ['a cancel', 'cancelled' as const, {}],
    ['a newer run', 'replaced' as const, {}],
    ['its deadline', 'timeout' as const, { timeoutMs: 60_000 }],
  ])('by %s is asked to end in its protocol first, and its answer is stored', async (_, code, plan) => {
    const { heard, program } = worker((_line, io) => {
      io.emit('say good bye');
      io.after(200, () => io.emit(`fail prompt:${io.deployment.runId} cancelled`));
    });
    const it = await atWork(program, { ...alone, ...plan });
    const { world, id } = it;
    if (code !== 'timeout') world.store.requestCancel(id, code);
    await finished(it);
    expect(world.store.read(id).outcome?.error).toMatchObject({ code });
    expect(heard).toEqual(['cancel', 'SIGTERM']);
    expect(world.store.messages(id).map(({ content }) => content['text'])).toContain('good bye');
    expect(world.turnsSeen).toHaveLength(1);
    // What it did not take of the stop grace stands between SIGTERM and SIGKILL.
    expect(it.graces()).toEqual([4_800]);
    await it.holder.stop();
  });

  it('waits no longer than half of the stop grace for an agent that does not answer', async () => {
    const { heard, program } = worker(() => undefined);
    const it = await atWork(program);
    it.world.store.requestCancel(it.id);
    await finished(it);
    expect(heard).toEqual(['cancel', 'SIGTERM']);
    expect(it.graces()).toEqual([2_500]);
    await it.holder.stop();
  });

  it('waits for no agent whose prompt still waits to be read', async () => {
    const { heard, program } = worker(() => undefined);
    const world = new World({ lead: program });
    const { id } = world.store.addRun({ plan: alone });
    const { holder, runtime } = world.worker();
    const teardown = jest.spyOn(runtime, 'teardown');
    const open = runtime.open.bind(runtime);
    jest.spyOn(runtime, 'open').mockImplementation(async (handle) => {
      const channel = await open(handle);
      const write = channel.write.bind(channel);
      channel.write = (data) => (data.startsWith('turn ') ? new Promise(() => undefined) : write(data));
      return channel;
    });
    await holder.start();
    await holder.take(id);
    await world.eventually(() => world.store.read(id).phase === 'prompting');
    world.store.requestCancel(id);
    await finished({ world, id });
    expect(heard).toEqual(['SIGTERM']);
    expect(teardown.mock.calls.map(([, , { graceMs }]) => graceMs)).toEqual([5_000]);
    await holder.stop();
  });

  it('waits for no agent that ends meanwhile', async () => {
    const { program } = worker((_line, io) => io.exit(1));
    const it = await atWork(program);
    it.world.store.requestCancel(it.id);
    await finished(it);
    expect(it.graces()[0]).toBeGreaterThan(4_800);
    await it.holder.stop();
  });

  it('is asked to end by the worker that adopts the run after its end, too', async () => {
    const { heard, program } = worker((_line, io) => io.emit(`fail prompt:${io.deployment.runId} cancelled`));
    const { world, id, holder } = await atWork(program);
    await holder.stop();
    const dead = world.worker();
    const claim = { runId: id, epoch: (await world.store.claim(id, dead.identity))?.epoch ?? 0 };
    const error = { code: 'timeout', message: 'too late' } as const;
    await world.store.conclude(claim, { status: 'timeout', result: null, error });
    world.store.expireLease(id);
    const next = world.worker();
    await next.holder.start();
    await finished({ world, id });
    expect(heard).toEqual(['cancel', 'SIGTERM']);
    expect(world.turnsSeen).toHaveLength(1);
    await next.holder.stop();
  });
});
