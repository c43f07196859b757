import { AppError } from '@crewtab/domain/errors';
import type { Run, RunPlan } from '@crewtab/domain/runs/run';
import type { FakeRuntime } from '@test/fakes/runtime/fake-runtime';
import { refuseUnfit } from './fill-workspace';
import { obedient, World } from './spec-support';

const ALONE: RunPlan['agents'] = [{ name: 'lead', role: 'leader', protocol: 'acp', image: 'agent:test' }];
const WORKSPACE = { files: { 'notes/a.md': 'ä', 'b.txt': 'given' } };

interface Played {
  readonly run: Run;
  readonly runtime: FakeRuntime;
  readonly told: unknown[];
}

/** A whole run. @param prepare of the worker that is to have it */
async function play(
  world: World,
  plan: Partial<RunPlan>,
  prepare?: (runtime: FakeRuntime) => unknown,
): Promise<Played> {
  const { id } = world.store.addRun({ plan: { agents: ALONE, workspace: WORKSPACE, ...plan } });
  const { holder, runtime } = world.worker();
  prepare?.(runtime);
  await holder.take(id);
  await world.eventually(() => world.store.read(id).phase === 'finished');
  await holder.stop();
  const told = world.store.messages(id).map(({ content }) => content['text']);
  return { run: world.store.read(id), runtime, told };
}

describe('the workspace of a team', () => {
  it('has its files before an agent starts, and the conversation says so', async () => {
    const seen: unknown[] = [];
    const look = (): number =>
      seen.push([...world.files].map(([path, { content }]) => [path.slice(37), Buffer.from(content).toString()]));
    const world: World = new World({ lead: { ...obedient(), onStart: look } });
    const { run, told } = await play(world, {});
    expect(run.status).toBe('success');
    expect(seen).toEqual([
      [
        ['notes/a.md', 'ä'],
        ['b.txt', 'given'],
      ],
    ]);
    expect(told).toContain('wrote 2 files into the workspace');
  });

  it('fails the run in the words of what failed, and no agent starts', async () => {
    const full = new AppError('create_failed', 'no space left on device');
    const { run, runtime } = await play(new World(), {}, ({ faults }) => faults.next('putFiles', 'failBefore', full));
    expect(run.outcome?.error).toEqual({ code: 'create_failed', message: 'no space left on device' });
    expect(runtime.calls.some(({ operation }) => operation === 'ensureAgent')).toBe(false);
  });

  it('waits for an engine that does not answer', async () => {
    const { run } = await play(new World(), {}, ({ faults }) => faults.next('putFiles', 'failAfter'));
    expect(run.status).toBe('success');
  });

  it('is refused by a worker whose runtime cannot fill it', () => {
    const git = { url: 'https://git.example/a.git' };
    for (const kind of ['kubernetes', 'process'] as const) {
      expect(() => refuseUnfit({ kind }, WORKSPACE)).not.toThrow();
      expect(() => refuseUnfit({ kind }, { git })).toThrow("cannot keep a repository's credentials");
    }
    expect(() => refuseUnfit({ kind: 'docker' }, { git })).not.toThrow();
  });
});

describe('a file that the workspace of the team gives', () => {
  const verify = { files: ['b.txt'] };

  it('is no work while it is as it was given', async () => {
    const { run } = await play(new World(), { verify });
    expect(run.outcome?.error?.message).toContain("is as the team's workspace gives it");
  });

  it('is work once it was changed', async () => {
    const change = obedient((line, io) => {
      world.files.set(`${io.deployment.runId}/b.txt`, { content: Buffer.from('other'), mode: 0o644 });
      io.emit(`done ${line.split(' ')[1] ?? ''} well`);
    });
    const world: World = new World({ lead: change });
    expect((await play(world, { verify })).run.status).toBe('success');
  });
});
