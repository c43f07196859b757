import { LONGEST_TASK_CHARS, MOST_OPEN_TASKS } from '@crewtab/domain/runs/delegation';
import type { ToolCall } from '@crewtab/domain/ports/tool-server';
import type { FakeAgentIo, FakeProgram } from '@test/fakes/runtime/fake-agent';
import { FLUSH_AT_MESSAGES } from './conversation-recorder';
import type { OrchestratorOptions } from './orchestrator-deps';
import { obedient, World } from './spec-support';

const QUIET: FakeProgram['onLine'] = () => undefined;

async function begin(world: World): Promise<{ runId: string; holder: ReturnType<World['worker']>['holder'] }> {
  const { id } = world.store.addRun();
  const { holder } = world.worker();
  await holder.start();
  await holder.take(id);
  return { runId: id, holder };
}

/** Plays a run whose leader answers its prompt so. @returns how it ended */
async function runOf(
  say: (io: FakeAgentIo) => void,
  options: Partial<OrchestratorOptions> = {},
): Promise<{ world: World; runId: string }> {
  const world = new World({ lead: obedient((_line, io) => say(io)) }, options);
  const { runId, holder } = await begin(world);
  await world.eventually(() => world.store.read(runId).phase === 'finished');
  await holder.stop();
  return { world, runId };
}

function codeOf(world: World, runId: string): string | undefined {
  return world.store.read(runId).outcome?.error?.code;
}

function textsOf(world: World, runId: string): unknown[] {
  const said = world.store.messages(runId).filter(({ kind }) => kind === 'agent_message');
  return said.map(({ content }) => content['text']);
}

describe('an agent that goes beyond a limit of its output', () => {
  it('with a long line ends its run, whose conversation has what was said before', async () => {
    const { world, runId } = await runOf(
      (io) => {
        io.emit('say before');
        io.emit(`say ${'x'.repeat(1_000)}`);
        io.emit('say after');
      },
      { longestLineBytes: 1_000 },
    );
    expect(world.store.read(runId).outcome).toMatchObject({
      status: 'failed',
      error: { code: 'line_limit', message: 'agent "lead" wrote a line of more than 1000 bytes' },
    });
    expect(textsOf(world, runId)).toEqual(['before']);
  });

  it('with all that it says ends its run, blank lines included', async () => {
    const talks = await runOf((io) => Array.from({ length: 20 }, () => io.emit(`say ${'x'.repeat(60)}`)), {
      outputLimit: 1_000,
    });
    expect(codeOf(talks.world, talks.runId)).toBe('output_limit');
    const blanks = await runOf((io) => Array.from({ length: 1_000 }, () => io.emit('')), { outputLimit: 1_000 });
    expect(codeOf(blanks.world, blanks.runId)).toBe('output_limit');
  });

  it('with many messages ends its run, after one batch beyond the limit at most', async () => {
    const flood = (io: FakeAgentIo): void => {
      for (let count = 0; count < 20_000; count++) io.emit(`note n${count}`);
    };
    const { world, runId } = await runOf(flood, { messageLimit: 2_000 });
    expect(world.store.read(runId).outcome?.error).toEqual({
      code: 'message_limit',
      message: 'the run has more than 2000 messages',
    });
    const stored = world.store.messages(runId).length;
    expect(stored).toBeGreaterThan(2_000);
    expect(stored).toBeLessThanOrEqual(2_000 + FLUSH_AT_MESSAGES + 1);
  });

  it('while it does not yet answer the handshake ends its run in the same way', async () => {
    const greeting: FakeProgram = { onStart: (io) => io.emit('x'.repeat(1_001)) };
    const world = new World({ lead: greeting }, { longestLineBytes: 1_000 });
    const { runId, holder } = await begin(world);
    await world.eventually(() => world.store.read(runId).phase === 'finished');
    expect(codeOf(world, runId)).toBe('line_limit');
    await holder.stop();
  });
});

describe('a rate of output', () => {
  it('ends no run: output is read as fast as it is stored', async () => {
    const lines = 10_000;
    const world = new World({
      lead: obedient((line, io) => {
        for (let count = 0; count < lines; count++) io.emit(`note n${count}`);
        io.emit(`done ${line.split(' ')[1] ?? ''} fine`);
      }),
    });
    const appendMessages = world.store.appendMessages.bind(world.store);
    const sizes: number[] = [];
    const beganAtMs: number[] = [];
    let underWay = 0;
    jest.spyOn(world.store, 'appendMessages').mockImplementation(async (claim, messages, cursor) => {
      underWay += 1;
      expect(underWay).toBe(1);
      sizes.push(messages.length);
      beganAtMs.push(world.clock.monotonicMs());
      await new Promise<void>((resolve) => world.clock.after(10, resolve));
      return appendMessages(claim, messages, cursor).finally(() => (underWay -= 1));
    });
    const { runId, holder } = await begin(world);
    await world.eventually(() => world.store.read(runId).phase === 'finished');
    expect(world.store.read(runId).status).toBe('success');
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(lines);
    expect(Math.max(...sizes)).toBe(FLUSH_AT_MESSAGES);
    // Each takes 10 ms, and as long after it the others of the worker have their turn.
    const full = beganAtMs.filter((_, index) => sizes[index] === FLUSH_AT_MESSAGES);
    expect(full.length).toBeGreaterThan(15);
    const apart = full.slice(1).map((at, index) => at - (full[index] ?? 0));
    expect(Math.min(...apart)).toBeGreaterThanOrEqual(20);
    await holder.stop();
  });
});

describe('a worker that adopts a run', () => {
  it('comes to the same line, and to the same end', async () => {
    const world = new World({ lead: obedient((_line, io) => io.emit('say before')) }, { longestLineBytes: 1_000 });
    const { runId, holder } = await begin(world);
    await world.eventually(() => textsOf(world, runId).length === 1);
    const conclude = jest.spyOn(world.store, 'conclude').mockImplementation(() => new Promise(() => undefined));
    world.engine.agents.find(({ agent }) => agent.name === 'lead')?.emit('x'.repeat(1_001));
    await world.until(() => conclude.mock.calls.length === 1);
    // It stands still here, and loses the run.
    conclude.mockRestore();
    world.store.expireLease(runId);
    const second = world.worker();
    await second.holder.start();
    await world.eventually(() => world.store.read(runId).phase === 'finished');
    expect(codeOf(world, runId)).toBe('line_limit');
    expect(textsOf(world, runId)).toEqual(['before']);
    await second.holder.stop();
    void holder;
  });

  it('that has too many messages already ends it without reading on', async () => {
    const world = new World({ lead: obedient(QUIET) }, { messageLimit: 10 });
    const { runId, holder } = await begin(world);
    await world.eventually(() => world.store.read(runId).phase === 'monitoring');
    const claim = { runId, epoch: world.store.read(runId).epoch };
    const draft = { agent: 'lead', kind: 'other', content: {}, at: world.clock.now() } as const;
    await world.store.appendMessages(
      claim,
      Array.from({ length: 10 }, () => draft),
    );
    await holder.stop();
    const second = world.worker();
    await second.holder.start();
    await world.eventually(() => world.store.read(runId).phase === 'finished');
    expect(codeOf(world, runId)).toBe('message_limit');
    await second.holder.stop();
  });
});

describe('delegating without end', () => {
  const call = (id: string, task: string): ToolCall => ({
    id,
    agent: 'lead',
    tool: 'delegate',
    arguments: { agent: 'writer', task },
  });

  it('is refused beyond the tasks that may be open, and the run goes on', async () => {
    const world = new World({ lead: obedient(QUIET), writer: obedient(QUIET) });
    const { runId, holder } = await begin(world);
    await world.eventually(() => world.store.read(runId).phase === 'monitoring');
    const answers = Array.from({ length: 200 }, (_, index) =>
      world.toolServer.call(runId, call(`c${index}`, `x${index}`)),
    );
    const refused = await Promise.all(answers.slice(MOST_OPEN_TASKS));
    for (const answer of refused)
      expect(answer).toEqual({ error: expect.stringContaining('64 tasks are open') as string });
    expect(await world.delegations.listDelegations(claimOf(world, runId))).toHaveLength(MOST_OPEN_TASKS);
    // One that is answered makes room for another.
    const writer = world.engine.agents.find(({ agent }) => agent.name === 'writer');
    writer?.emit('done delegate:c0 seven');
    await expect(answers[0]).resolves.toEqual({ text: 'seven' });
    const last = world.toolServer.call(runId, call('last', 'y'));
    await world.eventually(() => world.store.messages(runId).some(({ content }) => content['id'] === 'last'));
    // The same call again, and its answer from the store.
    await expect(world.toolServer.call(runId, call('c0', 'x0'))).resolves.toEqual({ text: 'seven' });
    expect(world.store.read(runId).status).toBe('running');
    void last;
    await holder.stop();
  });

  it('is refused for a task of more than a megabyte', async () => {
    const world = new World({ lead: obedient(QUIET) });
    const { runId, holder } = await begin(world);
    await world.eventually(() => world.store.read(runId).phase === 'monitoring');
    const tooLong = 'x'.repeat(LONGEST_TASK_CHARS + 1);
    await expect(world.toolServer.call(runId, call('c1', tooLong))).resolves.toEqual({
      error: expect.stringContaining('shared workspace') as string,
    });
    await expect(world.toolServer.call(runId, call('c2', tooLong.slice(1)))).resolves.toEqual({ text: 'well done' });
    expect(world.store.read(runId).status).toBe('running');
    await holder.stop();
  });

  it('counts as output, also at the worker that adopts the run', async () => {
    const world = new World({ lead: obedient(QUIET) }, { outputLimit: 1_000 });
    const { runId, holder } = await begin(world);
    await world.eventually(() => world.store.read(runId).phase === 'monitoring');
    await world.toolServer.call(runId, call('c1', 'x'.repeat(600)));
    await holder.stop();
    const second = world.worker();
    await second.holder.start();
    await world.until(() => second.runtime.callsOf('open') === 2);
    void world.toolServer.call(runId, call('c2', 'x'.repeat(600))).catch(() => undefined);
    await world.eventually(() => world.store.read(runId).phase === 'finished');
    expect(world.store.read(runId).outcome?.error).toMatchObject({
      code: 'output_limit',
      message: expect.stringContaining('"lead"') as string,
    });
    await second.holder.stop();
  });

  it('counts the answers too, as output of the teammate that gave them', async () => {
    const world = new World({ lead: obedient(QUIET), writer: obedient(QUIET) }, { outputLimit: 1_000 });
    const { runId, holder } = await begin(world);
    await world.eventually(() => world.store.read(runId).phase === 'monitoring');
    void world.toolServer.call(runId, call('c1', 'x')).catch(() => undefined);
    await world.eventually(() => world.store.messages(runId).some(({ content }) => content['id'] === 'c1'));
    const writer = world.engine.agents.find(({ agent }) => agent.name === 'writer');
    // The line itself is within the limit, and so is the answer; both together are not.
    writer?.emit(`done delegate:c1 ${'x'.repeat(600)}`);
    await world.eventually(() => world.store.read(runId).phase === 'finished');
    expect(world.store.read(runId).outcome?.error).toMatchObject({
      code: 'output_limit',
      message: expect.stringContaining('"writer"') as string,
    });
    await holder.stop();
  });

  it('reads one row for an answer', async () => {
    const world = new World({ lead: obedient(QUIET) });
    const { runId, holder } = await begin(world);
    await world.eventually(() => world.store.read(runId).phase === 'monitoring');
    const list = jest.spyOn(world.delegations, 'listDelegations');
    const read = jest.spyOn(world.delegations, 'readDelegation');
    for (let count = 0; count < 20; count++) await world.toolServer.call(runId, call(`c${count}`, 'x'));
    expect(list).not.toHaveBeenCalled();
    expect(read).toHaveBeenCalledTimes(20);
    await holder.stop();
  });
});

function claimOf(world: World, runId: string): { runId: string; epoch: number } {
  return { runId, epoch: world.store.read(runId).epoch };
}
