import { AppError } from '@crewtab/domain/errors';
import { NO_POLICY } from '@crewtab/domain/teams/agent-policy';
import type { FakeProgram } from '@test/fakes/runtime/fake-agent';
import { obedient, World } from './spec-support';

const HOUR_MS = 3_600_000;

describe('a run on one worker', () => {
  it('deploys, prompts, monitors and tears down, and ends in success', async () => {
    const world = new World();
    const { id } = world.store.addRun();
    const { holder } = world.worker();
    await holder.start();
    expect(await holder.take(id)).toBe('taken');
    await world.eventually(() => world.store.read(id).phase === 'finished');
    const run = world.store.read(id);
    expect(run.status).toBe('success');
    expect(run.outcome?.result).toBe('well done');
    expect(run.teardown.receipt).toMatchObject({ removed: { container: 2, volume: 1 } });
    expect(run.deployment?.name).toMatch(/^marketing-team-run-[0-9a-f]{6}$/);
    expect(world.turnsSeen).toEqual([`turn prompt:${id} Write a report.`]);
    expect(world.store.messages(id).map(({ kind }) => kind)).toEqual(['prompt', 'agent_message']);
    expect(world.engine.agents).toHaveLength(0);
    await holder.stop();
  });

  it('does not ask the engine again who it is', async () => {
    const world = new World();
    const { id } = world.store.addRun();
    const { holder, runtime } = world.worker();
    await holder.take(id);
    await world.eventually(() => world.store.read(id).phase === 'finished');
    expect(runtime.callsOf('identify')).toBe(0);
    await holder.stop();
  });

  it('fails without prompting when an image is missing, and removes what was made', async () => {
    const world = new World();
    world.engine.missingImages.add('agent:test');
    const { id } = world.store.addRun();
    const { holder } = world.worker();
    await holder.take(id);
    await world.eventually(() => world.store.read(id).phase === 'finished');
    expect(world.store.read(id)).toMatchObject({
      status: 'failed',
      outcome: { error: { code: 'image_not_found' } },
      prompt: { state: 'none' },
    });
  });

  it('fails before anything is made when the environment of an agent cannot be read', async () => {
    const world = new World();
    const envFault = { code: 'environment_unreadable', message: 'lead: moved' } as const;
    const lead = { name: 'lead', role: 'leader', protocol: 'acp', image: 'agent:test', envFault } as const;
    const { id } = world.store.addRun({ plan: { agents: [lead] } });
    const { holder, runtime } = world.worker();
    await holder.take(id);
    await world.eventually(() => world.store.read(id).phase === 'finished');
    expect(world.store.read(id)).toMatchObject({
      status: 'failed',
      outcome: { error: envFault },
      prompt: { state: 'none' },
    });
    expect(runtime.callsOf('ensureAgent')).toBe(0);
    await holder.stop();
  });

  it.each([
    ['too much memory', { resources: { memory: '4t' } }, 'lead: resources.memory must be at most 1g'],
    ['an image of another registry', { image: 'evil.example/agent' }, 'lead: image is not among the images'],
  ])('fails before anything is made when a team from before asks for %s', async (_what, fields, words) => {
    const policy = { ...NO_POLICY, memoryBytes: 1024 ** 3, images: ['agent'] };
    const world = new World({}, { agentPolicy: policy });
    const lead = { name: 'lead', role: 'leader', protocol: 'acp', image: 'agent:test', ...fields } as const;
    const { id } = world.store.addRun({ plan: { agents: [lead] } });
    const { holder, runtime } = world.worker();
    await holder.take(id);
    await world.eventually(() => world.store.read(id).phase === 'finished');
    const { status, outcome } = world.store.read(id);
    expect([status, outcome?.error?.code]).toEqual(['failed', 'not_allowed']);
    expect(outcome?.error?.message).toContain(words);
    expect(runtime.callsOf('ensureAgent')).toBe(0);
    await holder.stop();
  });

  it('fails when an agent does not answer the handshake in time', async () => {
    const world = new World({ writer: {} });
    const { id } = world.store.addRun();
    const { holder } = world.worker();
    await holder.take(id);
    await world.eventually(() => world.store.read(id).phase === 'finished');
    expect(world.store.read(id).outcome?.error).toMatchObject({ code: 'handshake_timeout' });
    expect(world.turnsSeen).toEqual([]);
  });

  it.each([
    ['exits with a code', obedient((_line, io) => io.exit(3)), 'agent_exited'],
    ['reports an error', obedient((line, io) => io.emit(`fail ${line.split(' ')[1] ?? ''} boom`)), 'agent_error'],
  ])('fails when the leader %s', async (_what, lead, code) => {
    const world = new World({ lead });
    const { id } = world.store.addRun();
    const { holder } = world.worker();
    await holder.take(id);
    await world.eventually(() => world.store.read(id).phase === 'finished');
    expect(world.store.read(id)).toMatchObject({ status: 'failed', outcome: { error: { code } } });
  });

  it.each([
    ['runs out of memory', { oom: true }, 'out_of_memory'],
    ['is killed', {}, 'agent_killed'],
  ])('fails when a worker agent %s', async (_what, how, code) => {
    const world = new World({ lead: obedient(() => undefined), writer: obedient() });
    const { id } = world.store.addRun();
    const { holder } = world.worker();
    await holder.start();
    await holder.take(id);
    await world.eventually(() => world.store.read(id).phase === 'monitoring');
    world.engine.agents.find(({ agent }) => agent.name === 'writer')?.exit(137, how);
    await world.eventually(() => world.store.read(id).phase === 'finished');
    expect(world.store.read(id)).toMatchObject({ status: 'failed', outcome: { error: { code } } });
    await holder.stop();
  });

  it('fails when the prompt cannot be sent', async () => {
    const world = new World();
    const { id } = world.store.addRun({
      plan: { agents: [{ name: 'lead', role: 'leader', protocol: 'acp', image: 'agent:test' }] },
    });
    const { holder, runtime } = world.worker();
    const atHandshake = runtime.faults.next('write', 'hang');
    await holder.take(id);
    await atHandshake.reached;
    runtime.faults.next('write', 'failBefore', new AppError('engine_error', 'the pipe is closed'));
    atHandshake.release();
    await world.eventually(() => world.store.read(id).phase === 'finished');
    expect(world.store.read(id)).toMatchObject({
      status: 'failed',
      outcome: { error: { code: 'prompt_failed', message: expect.stringContaining('the pipe is closed') as string } },
    });
    expect(world.turnsSeen).toEqual([]);
    expect(world.engine.agents).toHaveLength(0);
  });

  it('ends at its deadline, with a warning, also when the agent ignores SIGTERM', async () => {
    const world = new World({ lead: { ...obedient(() => undefined), onTerminate: () => undefined } });
    const { id } = world.store.addRun({ plan: { timeoutMs: 90_000 } });
    const { holder } = world.worker();
    await holder.start();
    await holder.take(id);
    await world.eventually(() => world.store.read(id).phase === 'monitoring');
    await world.eventually(() => world.store.read(id).phase === 'finished');
    expect(world.store.read(id)).toMatchObject({ status: 'timeout', outcome: { error: { code: 'timeout' } } });
    expect(world.logger.messages('warn')).toContain('deadline passed: the team is force-stopped');
    expect(world.engine.agents).toHaveLength(0);
    await holder.stop();
  });

  it('is cancelled while it deploys and while it works', async () => {
    const world = new World({ lead: obedient(() => undefined), writer: {} });
    const working = world.store.addRun({
      plan: { agents: [{ name: 'lead', role: 'leader', protocol: 'acp', image: 'agent:test' }] },
    });
    const deploying = world.store.addRun();
    const { holder } = world.worker();
    await holder.start();
    await holder.take(working.id);
    await holder.take(deploying.id);
    await world.eventually(() => world.store.read(working.id).phase === 'monitoring');
    expect(world.store.read(deploying.id).phase).toBe('deploying');
    for (const { id } of [working, deploying]) world.store.requestCancel(id);
    await world.until(
      () =>
        world.store.read(working.id).status === 'cancelled' && world.store.read(deploying.id).status === 'cancelled',
    );
    await world.eventually(() => [working, deploying].every(({ id }) => world.store.read(id).phase === 'finished'));
    expect(world.engine.agents).toHaveLength(0);
    await holder.stop();
  });

  it('fails when what was made resists removal for too long, and goes on until the engine is clean', async () => {
    const finishLater: NonNullable<FakeProgram['onLine']> = (line, io) =>
      io.after(1_000, () => io.emit(`done ${line.split(' ')[1] ?? ''} well done`));
    const world = new World({ lead: obedient(finishLater) });
    const { id } = world.store.addRun();
    const { holder } = world.worker();
    await holder.start();
    await holder.take(id);
    await world.eventually(() => world.store.read(id).phase === 'monitoring');
    for (const { containerName } of world.engine.agents) world.engine.resisting.set(containerName, Infinity);
    await world.eventually(() => world.store.read(id).teardown.failedAttempts > 0);
    expect(world.store.read(id).status).toBe('running');
    await world.eventually(() => world.store.read(id).status === 'failed', HOUR_MS);
    expect(world.store.read(id)).toMatchObject({
      phase: 'tearing_down',
      outcome: { result: 'well done', error: { code: 'teardown_failed' } },
    });
    world.engine.resisting.clear();
    await world.eventually(() => world.store.read(id).phase === 'finished', HOUR_MS);
    expect(world.store.read(id)).toMatchObject({
      status: 'failed',
      teardown: { receipt: { removed: { container: 2 } } },
    });
    await holder.stop();
  });
});

describe('a run over several workers', () => {
  it('goes on where it stood after its worker died, and is prompted once', async () => {
    const world = new World({ lead: obedient((_line, io) => io.emit('say half')) });
    const { id } = world.store.addRun();
    const first = world.worker();
    await first.holder.start();
    await first.holder.take(id);
    await world.eventually(() => world.store.messages(id).some(({ kind }) => kind === 'agent_message'));
    first.runtime.breakConnections();
    world.store.expireLease(id);
    const second = world.worker();
    await second.holder.start();
    expect(second.holder.heldRunIds).toEqual([id]);
    const lead = world.engine.agents.find(({ agent }) => agent.name === 'lead');
    lead?.emit('say whole');
    lead?.emit(`done prompt:${id} all done`);
    await world.eventually(() => world.store.read(id).phase === 'finished');
    expect(world.store.read(id)).toMatchObject({ status: 'success', outcome: { result: 'all done' } });
    expect(world.turnsSeen).toHaveLength(1);
    const texts = world.store
      .messages(id)
      .flatMap(({ kind, content }) => (kind === 'agent_message' ? [content['text']] : []));
    expect(texts.join('|')).toBe('half|whole');
    await Promise.all([first.holder.stop(), second.holder.stop()]);
  });

  it('is handed over at a shutdown without harm', async () => {
    const world = new World({ lead: obedient(() => undefined) });
    const { id } = world.store.addRun();
    const first = world.worker();
    await first.holder.start();
    await first.holder.take(id);
    await world.eventually(() => world.store.read(id).phase === 'monitoring');
    await first.holder.stop();
    expect(world.queue.woken).toEqual([id]);
    expect(world.engine.agents).toHaveLength(2);
    const second = world.worker();
    await second.holder.start();
    world.engine.agents.find(({ agent }) => agent.name === 'lead')?.emit(`done prompt:${id} fine`);
    await world.eventually(() => world.store.read(id).phase === 'finished');
    expect(world.store.read(id).status).toBe('success');
    await second.holder.stop();
  });

  it('ends as delivery_unconfirmed when a worker died between permit and write', async () => {
    const world = new World();
    const { id } = world.store.addRun();
    const first = world.worker();
    const gate = first.runtime.faults.next('write', 'hang');
    const second = first.runtime.faults.next('write', 'hang');
    await first.holder.take(id);
    gate.release();
    second.release();
    const third = first.runtime.faults.next('write', 'hang');
    await world.eventually(() => world.store.read(id).phase === 'prompting');
    await third.reached;
    world.store.expireLease(id);
    const next = world.worker();
    await next.holder.start();
    await world.eventually(() => world.store.read(id).phase === 'finished');
    expect(world.store.read(id)).toMatchObject({
      status: 'failed',
      outcome: { error: { code: 'delivery_unconfirmed' } },
    });
    expect(world.turnsSeen).toHaveLength(0);
    third.release();
    await next.holder.stop();
  });

  it('sends the prompt once although the answer to the permit was lost', async () => {
    const world = new World();
    const { id } = world.store.addRun();
    world.store.loseAnswers('permitPrompt');
    const { holder } = world.worker();
    await holder.start();
    await holder.take(id);
    await world.eventually(() => world.store.read(id).phase === 'finished');
    expect(world.store.read(id).status).toBe('success');
    expect(world.turnsSeen).toHaveLength(1);
    await holder.stop();
  });

  it('abandons its runs when it cannot renew its lease', async () => {
    const world = new World({ lead: obedient(() => undefined) });
    const { id } = world.store.addRun();
    const { holder } = world.worker();
    await holder.start();
    await holder.take(id);
    await world.eventually(() => world.store.read(id).phase === 'monitoring');
    world.store.setUnreachable(true);
    await world.eventually(() => holder.heldRunIds.length === 0, 15_000);
    world.store.setUnreachable(false);
    await world.eventually(() => holder.heldRunIds.length === 1, 30_000);
    expect(world.store.read(id)).toMatchObject({ status: 'running', phase: 'monitoring' });
  });
});

describe('a run that is abandoned while a call hangs', () => {
  it('is logged as abandoned once, however often the worker looks', async () => {
    const world = new World({ lead: obedient((line, io) => io.emit(`done ${line.split(' ')[1] ?? ''} well done`)) });
    const { id } = world.store.addRun();
    const { holder, runtime } = world.worker();
    runtime.faults.next('teardown', 'hang');
    await holder.start();
    await holder.take(id);
    await world.eventually(() => world.store.read(id).phase === 'tearing_down');
    world.store.setUnreachable(true);
    const told = (): number =>
      world.logger.messages('error').filter((words) => words.includes('abandoning the run')).length;
    await world.eventually(() => told() > 0, 15_000);
    await world.clock.advance(5_000);
    expect(told()).toBe(1);
  });
});

describe('a run whose worker died', () => {
  const dead = { workerId: 'dead', host: 'fake-host' };

  /** A run begun by a worker that does nothing more. */
  const abandoned = async (world: World, timeoutMs: number): Promise<{ id: string; diedAt: number }> => {
    const { id } = world.store.addRun({ plan: { timeoutMs } });
    const run = await world.store.claim(id, dead);
    const deployment = { name: 'x', fallbackName: 'y', host: dead.host, runtime: 'fake' };
    await world.store.begin({ runId: id, epoch: run?.epoch ?? 0 }, deployment);
    return { id, diedAt: world.clock.now().getTime() };
  };

  it('is adopted as soon as its lease has run out, not with the next iteration', async () => {
    const world = new World({ lead: obedient(() => undefined) });
    const { holder } = world.worker();
    await holder.start();
    await world.clock.advance(1_111);
    const { id, diedAt } = await abandoned(world, HOUR_MS);
    await world.eventually(() => holder.heldRunIds.includes(id));
    const afterMs = world.clock.now().getTime() - diedAt;
    expect(afterMs).toBeGreaterThanOrEqual(10_000);
    expect(afterMs).toBeLessThan(10_200);
    await holder.stop();
  });

  it('is ended soon after its deadline, although its lease still holds', async () => {
    const world = new World({ lead: obedient(() => undefined) });
    const { holder } = world.worker();
    await holder.start();
    const { id, diedAt } = await abandoned(world, 1_000);
    await world.eventually(() => world.store.read(id).status === 'timeout');
    expect(world.clock.now().getTime() - diedAt).toBeLessThan(1_000 + 5_000);
    await holder.stop();
  });

  it('does not ask more often than needed while everybody is alive', async () => {
    const world = new World({ lead: obedient(() => undefined) });
    const [first, second] = [world.worker(), world.worker()];
    const { id } = world.store.addRun();
    await Promise.all([first.holder.start(), second.holder.start()]);
    await first.holder.take(id);
    await world.eventually(() => world.store.read(id).phase === 'monitoring');
    const asked = jest.spyOn(world.store, 'untilAbandoned');
    await world.clock.advance(60_000);
    expect(asked.mock.calls.length).toBeLessThanOrEqual(2 * (60_000 / 2_500 + 1));
    expect(first.holder.heldRunIds).toEqual([id]);
    await Promise.all([first.holder.stop(), second.holder.stop()]);
  });
});

describe('a run that no worker held at its deadline', () => {
  /** Handed back in time; the deadline passes before the next worker starts. */
  const unheld = async (atWork: (world: World, id: string) => void): Promise<{ world: World; id: string }> => {
    const world = new World({ lead: obedient(() => undefined) });
    const { id } = world.store.addRun({ plan: { timeoutMs: 60_000 } });
    const first = world.worker();
    await first.holder.start();
    await first.holder.take(id);
    await world.eventually(() => world.store.read(id).phase === 'monitoring');
    await first.holder.stop();
    atWork(world, id);
    await world.clock.advance(120_000);
    const { holder } = world.worker();
    await holder.start();
    await world.eventually(() => world.store.read(id).phase === 'finished');
    await holder.stop();
    return { world, id };
  };

  it('is a success when its team had finished', async () => {
    const { world, id } = await unheld(({ engine }, runId) =>
      engine.agents.find(({ agent }) => agent.name === 'lead')?.emit(`done prompt:${runId} in time`),
    );
    expect(world.store.read(id)).toMatchObject({ status: 'success', outcome: { result: 'in time' } });
  });

  it('is a timeout when its team had not', async () => {
    const { world, id } = await unheld(() => undefined);
    expect(world.store.read(id)).toMatchObject({ status: 'timeout', outcome: { error: { code: 'timeout' } } });
  });
});

describe('the length of the lease', () => {
  it.each([2_000, 60_000])('decides when a worker abandons its runs: %d ms', async (leaseMs) => {
    const world = new World({ lead: obedient(() => undefined) });
    const { id } = world.store.addRun();
    const { holder } = world.worker(10, undefined, leaseMs);
    await holder.start();
    await holder.take(id);
    await world.eventually(() => world.store.read(id).phase === 'monitoring');
    await world.clock.advance(leaseMs * 2);
    expect(holder.heldRunIds).toEqual([id]);
    world.store.setUnreachable(true);
    const cutOffAt = world.clock.now().getTime();
    await world.eventually(() => holder.heldRunIds.length === 0);
    const heldForMs = world.clock.now().getTime() - cutOffAt;
    expect(heldForMs).toBeLessThanOrEqual(leaseMs * 0.75 + 50);
    expect(heldForMs).toBeGreaterThan(leaseMs * 0.7 - Math.min(leaseMs / 4, 2_500) - 50);
    world.store.setUnreachable(false);
    await holder.stop();
  });
});

describe('capacity for new runs', () => {
  it('is said anew with every iteration: whether the worker may claim is known elsewhere', async () => {
    const world = new World();
    let mayClaim = true;
    const { holder, reportedCapacity } = world.worker(1, undefined, undefined, () => mayClaim);
    await holder.start();
    const { id } = world.store.addRun();
    await holder.take(id);
    // The run ends in a moment in which the worker was unresponsive for too long, say because it stood still.
    mayClaim = false;
    await world.eventually(() => world.store.read(id).phase === 'finished');
    expect(reportedCapacity.at(-1)).toBe(false);
    mayClaim = true;
    await world.eventually(() => reportedCapacity.at(-1) === true, 3_000);
    mayClaim = false;
    await world.eventually(() => reportedCapacity.at(-1) === false, 3_000);
    await holder.stop();
  });
});

describe('a heartbeat', () => {
  it('is given after each iteration in which the database answered, and only then', async () => {
    const world = new World();
    let renewals = 0;
    const { holder } = world.worker(10, () => renewals++);
    await holder.start();
    await world.eventually(() => renewals === 2);
    world.store.setUnreachable(true);
    const failures = (): number =>
      world.logger.messages('warn').filter((words) => words === 'could not renew the leases').length;
    await world.eventually(() => failures() === 2);
    expect(renewals).toBe(2);
    world.store.setUnreachable(false);
    await world.eventually(() => renewals === 3);
    await holder.stop();
  });
});
