import { AppError } from '@crewtab/domain/errors';
import type { RunPlan } from '@crewtab/domain/runs/run';
import type { FakeAgentIo, FakeProgram } from '@test/fakes/runtime/fake-agent';
import type { FakeFile } from '@test/fakes/runtime/fake-engine';
import { PARTIAL } from './diff-script';
import { FACTS } from './fetch-script';
import { obedient, World } from './spec-support';

const ALONE: RunPlan['agents'] = [{ name: 'lead', role: 'leader', protocol: 'acp', image: 'agent:test' }];

function file(content: string, more: Partial<FakeFile> = {}): FakeFile {
  return { content: Buffer.from(content), mode: 0o644, ...more };
}

/** A leader that leaves files in its workspace before it ends its turn. */
function leaving(world: () => World, files: Readonly<Record<string, FakeFile>>, answer = 'well done'): FakeProgram {
  return obedient((line, io) => {
    for (const [path, content] of Object.entries(files)) world().files.set(`${io.deployment.runId}/${path}`, content);
    io.emit(`done ${line.split(' ')[1] ?? ''} ${answer}`);
  });
}

function exiting(code: number, onStart?: (io: FakeAgentIo) => void): FakeProgram {
  return {
    onStart: (io) => {
      onStart?.(io);
      io.emit('checked');
      io.exit(code);
    },
  };
}

async function play(world: World, plan: Partial<RunPlan>): Promise<string> {
  const { id } = world.store.addRun({ plan: { agents: ALONE, ...plan } });
  const { holder } = world.worker();
  await holder.take(id);
  await world.eventually(() => world.store.read(id).phase === 'finished');
  await holder.stop();
  return id;
}

describe('a run whose work is verified', () => {
  it('succeeds when every check passes, made after its agents have ended', async () => {
    const seen: string[] = [];
    const world: World = new World({
      lead: leaving(() => world, { 'report.md': file('# Report') }, '{"title": "All is well"}'),
      verify: exiting(0, ({ agent, deployment }) => {
        const lead = world.engine.byName(`${deployment.name}-lead`);
        seen.push(`${lead?.process.status ?? 'none'} ${JSON.stringify(agent.env)} ${agent.image ?? ''}`);
      }),
    });
    const verify = { command: ['make', 'test'], files: ['report.md'], schema: { required: ['title'] } };
    const id = await play(world, { verify });
    expect(seen).toEqual(['exited {} agent:test']);
    expect(world.store.read(id)).toMatchObject({
      status: 'success',
      outcome: {
        result: '{"title": "All is well"}',
        verification: {
          status: 'passed',
          checks: [
            { kind: 'file', name: 'report.md', status: 'passed', message: null },
            { kind: 'schema', status: 'passed' },
            { kind: 'command', name: 'make test', status: 'passed', output: 'checked\n', exitCode: 0 },
          ],
        },
      },
    });
    expect(world.store.messages(id).at(-1)).toMatchObject({
      kind: 'verification',
      content: { text: 'The work was verified: 3 checks passed.', status: 'passed' },
    });
    expect(world.engine.leaks).toEqual({ containers: 0, networks: 0, volumes: 0 });
  });

  it.each<[string, RunPlan['verify'], string]>([
    [
      'the command fails',
      { command: ['make', 'test'] },
      'command "make test" ended with exit code 3; its output ends: checked',
    ],
    ['a file is not there', { files: ['no.md'] }, 'file "no.md" is not there'],
    ['a file is older than the run', { files: ['old.md'] }, 'file "old.md" was last changed before the run began'],
    ['a file is a link', { files: ['link.md'] }, 'file "link.md" is no file but a link'],
    ['the result is no JSON', { schema: { required: ['title'] } }, 'the result is no JSON, nor has it a block'],
  ])('fails when %s, keeps the result and leaves nothing', async (_what, verify, words) => {
    const files = {
      'old.md': file('old', { changedAt: new Date(0) }),
      'link.md': file('', { kind: 'link' }),
    };
    const world: World = new World({ lead: leaving(() => world, files), verify: exiting(3) });
    const id = await play(world, { verify });
    expect(world.store.read(id)).toMatchObject({
      status: 'failed',
      outcome: {
        result: 'well done',
        error: { code: 'verification_failed', message: expect.stringContaining(words) as string },
        verification: { status: 'failed' },
      },
    });
    expect(world.engine.leaks).toEqual({ containers: 0, networks: 0, volumes: 0 });
  });

  it('fails when the command takes too long, and is a timeout where the deadline comes first', async () => {
    const slow = { lead: obedient(), verify: {} };
    const late = new World(slow, { verifyTimeoutMs: 2_000 });
    const lateId = await play(late, { verify: { command: ['sleep'] } });
    expect(late.store.read(lateId).outcome?.error).toMatchObject({
      code: 'verification_failed',
      message: expect.stringContaining('did not end within 2s') as string,
    });
    const world = new World(slow);
    const id = await play(world, { verify: { command: ['sleep'] }, timeoutMs: 5_000 });
    expect(world.store.read(id)).toMatchObject({ status: 'timeout', outcome: { result: 'well done' } });
    expect(world.engine.leaks).toEqual({ containers: 0, networks: 0, volumes: 0 });
  });

  it('is a timeout where the deadline cut its command short, though that is stored long after', async () => {
    const world = new World({ lead: obedient(), verify: {} });
    const { id } = world.store.addRun({ plan: { agents: ALONE, verify: { command: ['sleep'] }, timeoutMs: 5_000 } });
    const { holder } = world.worker();
    await holder.take(id);
    await world.eventually(() => world.store.read(id).phase === 'verifying');
    const conclude = jest.spyOn(world.store, 'conclude');
    conclude.mockRejectedValue(new AppError('store_unreachable', 'not yet', { retryable: true }));
    await world.clock.advance(20_000);
    expect(conclude).toHaveBeenCalled();
    conclude.mockRestore();
    await world.eventually(() => world.store.read(id).phase === 'finished');
    expect(world.store.read(id)).toMatchObject({ status: 'timeout', outcome: { result: 'well done' } });
    expect(world.engine.leaks).toEqual({ containers: 0, networks: 0, volumes: 0 });
    await holder.stop();
  });

  it('is cancelled in the middle of it', async () => {
    const world = new World({ lead: obedient(), verify: {} });
    const { id } = world.store.addRun({ plan: { agents: ALONE, verify: { command: ['sleep'] } } });
    const { holder } = world.worker();
    await holder.start();
    await holder.take(id);
    await world.eventually(() => world.engine.agents.some(({ agent }) => agent.name === 'verify'));
    world.store.requestCancel(id);
    await world.eventually(() => world.store.read(id).phase === 'finished');
    expect(world.store.read(id).status).toBe('cancelled');
    expect(world.engine.leaks).toEqual({ containers: 0, networks: 0, volumes: 0 });
    await holder.stop();
  });

  it('waits for an engine that is away, and verifies anew', async () => {
    const world = new World({ lead: obedient(), verify: exiting(0) });
    const { id } = world.store.addRun({ plan: { agents: ALONE, verify: { command: ['make'] } } });
    const { holder, runtime } = world.worker();
    runtime.faults.next('stop', 'failAfter');
    runtime.faults.next('runProgram', 'failAfter');
    await holder.take(id);
    await world.eventually(() => world.store.read(id).phase === 'finished');
    expect(world.store.read(id).status).toBe('success');
    expect(runtime.callsOf('runProgram')).toBe(2);
    await holder.stop();
  });

  it('is verified anew by the worker that adopts it, and what the first one left at work is gone by then', async () => {
    let starts = 0;
    const world: World = new World({
      lead: obedient(),
      verify: { onStart: (io) => ++starts > 1 && exiting(0).onStart?.(io) },
    });
    const { id } = world.store.addRun({ plan: { agents: ALONE, verify: { command: ['make'] } } });
    const [first, second] = [world.worker(), world.worker()];
    await first.holder.take(id);
    await world.eventually(() => starts === 1);
    // As when its process dies: nothing of it is called off.
    await first.runtime.close();
    world.store.expireLease(id);
    await second.holder.adoptAbandoned();
    await world.eventually(() => world.store.read(id).phase === 'finished');
    expect(world.store.read(id)).toMatchObject({ status: 'success', outcome: { result: 'well done' } });
    expect(starts).toBe(2);
    expect(world.engine.leaks).toEqual({ containers: 0, networks: 0, volumes: 0 });
    await Promise.all([first.holder.stop(), second.holder.stop()]);
  });

  it('cannot be done where the engine refuses, which is said with its code', async () => {
    const world = new World({ lead: obedient(), verify: exiting(0) });
    const { id } = world.store.addRun({ plan: { agents: ALONE, verify: { command: ['make'] } } });
    const { holder, runtime } = world.worker();
    runtime.faults.next('runProgram', 'failBefore', new AppError('create_failed', 'no space left'));
    await holder.take(id);
    await world.eventually(() => world.store.read(id).phase === 'finished');
    expect(world.store.read(id).outcome?.error).toEqual({ code: 'create_failed', message: 'no space left' });
    await holder.stop();
  });
});

const kept = (world: World, id: string): string[] =>
  world.store.kept(id).map(({ path, key }) => `${path}: ${world.artifacts.files.get(key)?.toString() ?? 'nothing'}`);

describe('a run whose artifacts are kept', () => {
  it('keeps what its globs name, whatever its outcome', async () => {
    const files = { 'out/a.md': file('A'), 'out/b.txt': file('B'), 'c.md': file('C') };
    const world: World = new World({ lead: leaving(() => world, files), verify: exiting(1) });
    const id = await play(world, { artifacts: ['out/*.md', 'c.md'], verify: { command: ['make'] } });
    expect(world.store.read(id)).toMatchObject({ status: 'failed', artifacts: { count: 2, bytes: 2 }, warnings: [] });
    expect(kept(world, id)).toEqual(['out/a.md: A', 'c.md: C']);
    expect(world.store.messages(id).at(-1)).toMatchObject({
      ...{ agent: null, kind: 'artifact' },
      content: {
        text: '2 files were kept, 2 bytes.',
        count: 2,
        bytes: 2,
        artifacts: [{ path: 'out/a.md' }, { path: 'c.md' }],
      },
    });
    expect(world.store.kept(id)[0]).toMatchObject({ contentType: 'text/markdown; charset=utf-8', bytes: 1 });
  });

  it('passes it by where the prompt never left', async () => {
    const world = new World({ lead: { startError: 'no such program' } });
    const id = await play(world, { artifacts: ['**'] });
    expect(world.store.read(id)).toMatchObject({ status: 'failed', phase: 'finished' });
    expect(world.store.read(id).artifacts).toBeUndefined();
  });

  it('tells what it does not keep: links, devices, odd names, and what is beyond a limit', async () => {
    const files = {
      'link.md': file('', { kind: 'link' }),
      'device.md': file('', { kind: 'other' }),
      'new\nline.md': file('x'),
      'large.md': file('123456'),
      'one.md': file('1'),
      'two.md': file('2'),
      'x.md': file('3'),
      'elsewhere.txt': file('', { kind: 'link' }),
    };
    const world: World = new World(
      { lead: leaving(() => world, files) },
      { artifactLimits: { fileBytes: 5, bytes: 100, count: 2 } },
    );
    const id = await play(world, { artifacts: ['*.md'] });
    expect(kept(world, id)).toEqual(['one.md: 1', 'two.md: 2']);
    const [warning] = world.store.read(id).warnings;
    expect(warning?.code).toBe('artifact_refused');
    for (const words of [
      '"link.md" is a link',
      '"device.md" is no file',
      'cannot be shown',
      'larger than 5',
      'more than 2',
    ])
      expect(warning?.message).toContain(words);
    expect(warning?.message).not.toContain('elsewhere');
    expect(world.store.read(id).status).toBe('success');
  });

  it('keeps no file with a secret in it or in its name, in whatever form and over the borders of pieces', async () => {
    const secret = 'correct-horse-battery';
    const files = {
      'plain.md': file(`key=${secret}\n`),
      'coded.md': file(`${'x'.repeat(70_000)}${Buffer.from(secret).toString('base64')}`),
      [`${secret}.md`]: file('x'),
      'clean.md': file('nothing of correct-horse here'),
    };
    const world: World = new World({ lead: leaving(() => world, files) });
    world.store.secrets.set('key', secret);
    const agents = ALONE.map((agent) => ({ ...agent, secrets: { KEY: 'key' } }));
    const id = await play(world, { agents, artifacts: ['*.md'] });
    expect(kept(world, id)).toEqual(['clean.md: nothing of correct-horse here']);
    const [warning] = world.store.read(id).warnings;
    expect(warning?.message).toContain('"plain.md" has a secret in it');
    expect(JSON.stringify(world.store.read(id).warnings)).not.toContain(secret);
  });

  it('keeps a success from its removal no longer than its limit, and says that some may be missing', async () => {
    const world: World = new World({ lead: leaving(() => world, { 'a.md': file('A') }) }, { collectLimitMs: 3_000 });
    const { id } = world.store.addRun({ plan: { agents: ALONE, artifacts: ['**'] } });
    const { holder, runtime } = world.worker();
    const gate = runtime.faults.next('readFiles', 'hang');
    await holder.take(id);
    await world.eventually(() => world.store.read(id).phase === 'tearing_down', 10_000);
    expect(world.store.read(id).warnings.map(({ code }) => code)).toEqual(['artifacts_incomplete']);
    gate.release();
    await world.eventually(() => world.store.read(id).phase === 'finished');
    expect(world.store.read(id)).toMatchObject({ status: 'success', artifacts: { count: 0, bytes: 0 } });
    await holder.stop();
  });
});

describe('a run whose changes are asked for', () => {
  const commit = 'a'.repeat(40);
  const workspace = { git: { url: 'https://git.example/a.git', diff: true } };

  /** Fetches, or makes the file of changes and ends with this code. */
  function git(world: () => World, exitCode: number): FakeProgram {
    return {
      onStart: (io) => {
        const isFetch = io.agent.env['CREWTAB_PUSH'] !== undefined;
        if (isFetch) io.emit(`${FACTS}${commit} none`);
        else {
          expect(io.agent.env['CREWTAB_COMMIT']).toBe(commit);
          io.emit('fatal: spoiled');
          if (exitCode !== 3) world().files.set(`${io.deployment.runId}/diff.patch`, file('+1'));
        }
        io.exit(isFetch ? 0 : exitCode);
      },
    };
  }

  it.each<[number, string[], RegExp | null]>([
    [0, ['diff.patch: +1'], null],
    [PARTIAL, ['diff.patch: +1'], /without what could not be read: fatal: spoiled/],
    [3, [], /diff.patch could not be made: fatal: spoiled/],
  ])('leaves them as an artifact, also with no other one (helper: %i)', async (exitCode, left, words) => {
    const world: World = new World({ lead: obedient(), git: git(() => world, exitCode) });
    const id = await play(world, { workspace });
    expect(kept(world, id)).toEqual(left);
    const run = world.store.read(id);
    expect(run.status).toBe('success');
    expect(run.warnings).toHaveLength(words ? 1 : 0);
    if (words)
      expect(run.warnings[0]).toMatchObject({
        code: 'artifacts_incomplete',
        message: expect.stringMatching(words) as string,
      });
  });
});
