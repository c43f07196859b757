import { AppError } from '@crewtab/domain/errors';
import type { Run, RunPlan } from '@crewtab/domain/runs/run';
import type { FakeProgram } from '@test/fakes/runtime/fake-agent';
import type { FakeRuntime } from '@test/fakes/runtime/fake-runtime';
import { FACTS } from './fetch-script';
import { obedient, programsOf, World } from './spec-support';

const SECRET = 'a-token-0123456789';
const COMMIT = 'a'.repeat(40);
const TOLD = `${FACTS}${COMMIT} none`;
const GIT = { url: 'https://git.example/site.git', ref: 'main', secret: 'github' };
const PLAN: Partial<RunPlan> = {
  agents: [{ name: 'lead', role: 'leader', protocol: 'acp', image: 'agent:test' }],
  workspace: { git: GIT, files: { 'a.txt': 'over it' } },
};

/** The helper's program. */
function helper(lines: readonly string[], exitCode = 0): FakeProgram {
  return {
    onStart: (io) => {
      for (const line of lines) io.emit(line);
      io.exit(exitCode);
    },
  };
}

async function play(world: World, secret: string | null = SECRET) {
  if (secret !== null) world.store.secrets.set('github', secret);
  const { id } = world.store.addRun({ plan: PLAN });
  const { holder, runtime } = world.worker();
  const programs = programsOf(runtime);
  await holder.take(id);
  await world.eventually(() => world.store.read(id).phase === 'finished');
  await holder.stop();
  const told = world.store.messages(id).map(({ content }) => content['text']);
  return { run: world.store.read(id), runtime, programs, told };
}

const operations = ({ calls }: FakeRuntime): string[] =>
  calls
    .map(({ operation }) => operation)
    .filter((one) => ['stop', 'runProgram', 'putFiles', 'ensureAgent'].includes(one));

const failureOf = ({ outcome }: Run) => outcome?.error;

describe('the repository of a team', () => {
  it('is fetched by a helper before the files are written and an agent starts', async () => {
    const world = new World({ lead: obedient(), git: helper(['crewtab: fetching main', 'noise', TOLD]) });
    const { run, runtime, programs, told } = await play(world);
    expect(run.status).toBe('success');
    expect(operations(runtime).slice(0, 4)).toEqual(['stop', 'runProgram', 'putFiles', 'ensureAgent']);
    expect(told).toContain('fetching main');
    expect(told).not.toContain('noise');
    const [program] = programs;
    expect(program).toMatchObject({ ownsWorkspace: true, network: { kind: 'allowlist' } });
    expect(program?.files?.find(({ path }) => path.endsWith('/credential'))?.content).toBe(
      `username=x-access-token\npassword=${SECRET}\n`,
    );
    expect(JSON.stringify([program?.command, program?.env])).not.toContain(SECRET);
    expect(world.egressProxy.aside.size).toBe(0);
  });

  it('is not fetched again where an earlier attempt has finished', async () => {
    const world = new World({ lead: obedient(), git: helper([TOLD]) });
    world.store.secrets.set('github', SECRET);
    const { id } = world.store.addRun({ plan: PLAN });
    const { holder, runtime } = world.worker();
    // The first try comes that far.
    const put = runtime.putFiles.bind(runtime);
    let tries = 0;
    runtime.putFiles = (deployment, files) =>
      ++tries === 1
        ? Promise.reject(new AppError('engine_unreachable', 'away', { retryable: true }))
        : put(deployment, files);
    await holder.take(id);
    await world.eventually(() => world.store.read(id).phase === 'finished');
    await holder.stop();
    expect(world.store.read(id)).toMatchObject({ status: 'success', repository: { commit: COMMIT } });
    expect(operations(runtime).filter((one) => one === 'runProgram')).toHaveLength(1);
    expect(tries).toBe(2);
  });

  it('is not taken for fetched where the helper does not tell what it fetched', async () => {
    const { run } = await play(new World({ lead: obedient(), git: helper(['crewtab: fetching']) }));
    expect(failureOf(run)).toMatchObject({ code: 'workspace_failed' });
  });

  it('fails the run in the words of git, masked, and with what the proxy refused', async () => {
    const words = ['crewtab: asking', `fatal: Authentication failed for ${SECRET}`];
    const world = new World({ lead: obedient(), git: helper(words, 128) });
    const { run, runtime } = await play(world);
    expect(failureOf(run)).toMatchObject({ code: 'workspace_failed' });
    expect(failureOf(run)?.message).toContain(
      'https://git.example/site.git could not be fetched: fatal: Authentication',
    );
    expect(failureOf(run)?.message).not.toContain(SECRET);
    expect(operations(runtime)).not.toContain('ensureAgent');
  });

  it('fails the run before anything is made where its secret could not be opened, or is of two lines', async () => {
    const absent = await play(new World(), null);
    expect(failureOf(absent.run)).toMatchObject({ code: 'secret_unavailable' });
    const two = await play(new World(), 'first-line\nsecond');
    expect(failureOf(two.run)).toMatchObject({
      code: 'workspace_failed',
      message: expect.stringContaining('one line') as string,
    });
  });
});
