import type { Push } from '@crewtab/domain/runs/repository';
import type { Run, RunPlan } from '@crewtab/domain/runs/run';
import type { FakeProgram } from '@test/fakes/runtime/fake-agent';
import { FACTS } from './fetch-script';
import { NOT_SENT, REFUSED, UNKNOWN } from './push-script';
import { obedient, programsOf, World } from './spec-support';

const SECRET = 'a-token-0123456789';
const FETCHED = 'a'.repeat(40);
const WORK = 'b'.repeat(40);
const BRANCH_AT = 'c'.repeat(40);
const GIT = { url: 'https://git.example/site.git', secret: 'github', push: { branch: 'crewtab/work' } };
const PLAN: Partial<RunPlan> = {
  agents: [{ name: 'lead', role: 'leader', protocol: 'acp', image: 'agent:test' }],
  workspace: { git: GIT },
};

interface Scene {
  /** What stands in the workspace's `.git` when the leader has ended. */
  readonly left?: Readonly<Record<string, string>>;
  /** How a push, and how the question after it ends. */
  readonly pushes?: Part;
  readonly answers?: readonly Part[];
  readonly verify?: Part;
}

interface Part {
  readonly lines?: readonly string[];
  /** Null: it does not end. */
  readonly exitCode: number | null;
}

const BRANCH = { HEAD: 'ref: refs/heads/main\n', 'refs/heads/main': `${WORK}\n` };

function scene({ left = BRANCH, pushes = { exitCode: 0 }, answers = [], verify = { exitCode: 0 } }: Scene = {}) {
  const kinds: string[] = [];
  const asked = [...answers];
  const world: World = new World({
    lead: obedient((line, io) => {
      for (const [name, text] of Object.entries(left))
        world.files.set(`${io.deployment.runId}/.git/${name}`, { content: Buffer.from(text), mode: 0o644 });
      io.emit(`done ${line.split(' ')[1] ?? ''} well done`);
    }),
    git: helper(({ CREWTAB_ASK: ask }) => {
      const kind = ask === undefined ? 'fetch' : ask === '' ? 'push' : 'ask';
      kinds.push(kind);
      if (kind === 'fetch') return { lines: [`${FACTS}${FETCHED} ${BRANCH_AT}`], exitCode: 0 };
      return kind === 'push' ? pushes : (asked.shift() ?? { exitCode: 0 });
    }),
    verify: helper(() => verify),
  });
  world.store.secrets.set('github', SECRET);
  return { world, kinds };
}

function helper(partOf: (env: Readonly<Record<string, string>>) => Part): FakeProgram {
  return {
    onStart: (io) => {
      const { lines = [], exitCode } = partOf(io.agent.env);
      for (const line of lines) io.emit(line);
      if (exitCode !== null) io.exit(exitCode);
    },
  };
}

async function play(world: World, plan: Partial<RunPlan> = {}) {
  const { id } = world.store.addRun({ plan: { ...PLAN, ...plan } });
  const { holder, runtime } = world.worker();
  const programs = programsOf(runtime);
  await holder.take(id);
  await world.eventually(() => world.store.read(id).phase === 'finished');
  await holder.stop();
  const told = world.store.messages(id).map(({ content }) => content['text']);
  return { run: world.store.read(id), programs, told };
}

const short = ({ status, outcome, push }: Run): string =>
  [status, outcome?.error?.code, push?.state].filter(Boolean).join(' ');

describe('the work of a run that is pushed', () => {
  it('goes out after its verification has passed, with the secret, under the lease of what was fetched', async () => {
    const { world, kinds } = scene();
    const { run, programs, told } = await play(world, { verify: { command: ['make', 'test'] } });
    expect(short(run)).toBe('success pushed');
    expect(run.push).toEqual<Push>({ branch: 'crewtab/work', commit: WORK, state: 'pushed', message: null });
    expect(run.repository).toEqual({ commit: FETCHED, branchAt: BRANCH_AT });
    expect(kinds).toEqual(['fetch', 'push']);
    expect(programs.map(({ name }) => name)).toEqual(['git', 'verify', 'git']);
    const program = programs[2];
    expect(program?.env).toMatchObject({ CREWTAB_COMMIT: WORK, CREWTAB_BASE: BRANCH_AT, CREWTAB_PUSH: 'crewtab/work' });
    expect(JSON.stringify([program?.command, program?.env])).not.toContain(SECRET);
    expect(program?.files?.find(({ path }) => path.endsWith('/credential'))?.content).toContain(SECRET);
    expect(told).toContain(`pushed ${WORK} to crewtab/work`);
  });

  it('needs no verification: a run without one passes through the phase all the same', async () => {
    const { world } = scene();
    const { run } = await play(world);
    expect(short(run)).toBe('success pushed');
    expect(run.outcome?.verification).toBeUndefined();
  });

  it('stays where its verification has not passed', async () => {
    const { world, kinds } = scene({ verify: { exitCode: 1 } });
    expect(short((await play(world, { verify: { command: ['make', 'test'] } })).run)).toBe(
      'failed verification_failed',
    );
    expect(kinds).toEqual(['fetch']);
  });

  it.each<[string, Readonly<Record<string, string>>, string]>([
    ['a detached HEAD', { HEAD: `${WORK}\n` }, 'success pushed'],
    [
      'a packed branch',
      { HEAD: 'ref: refs/heads/a/b\n', 'packed-refs': `# x\n${WORK} refs/heads/a/b\n` },
      'success pushed',
    ],
    ['nothing new', { HEAD: `${FETCHED}\n` }, 'success nothing'],
    ['a branch without a commit', { HEAD: 'ref: refs/heads/none\n' }, 'failed push_failed'],
    ['a HEAD that leads elsewhere', { HEAD: 'ref: refs/heads/../../../helper\n' }, 'failed push_failed'],
    ['a HEAD that is none', { HEAD: 'what\n' }, 'failed push_failed'],
    ['no repository', {}, 'failed push_failed'],
  ])('is what HEAD names: %s', async (_what, left, expected) => {
    const { world } = scene({ left });
    expect(short((await play(world)).run)).toBe(expected);
  });

  it.each<[number, string]>([
    [REFUSED, 'failed push_failed not_pushed'],
    [NOT_SENT, 'failed push_failed not_pushed'],
    [UNKNOWN, 'failed push_unconfirmed unconfirmed'],
    [137, 'failed push_unconfirmed unconfirmed'],
  ])('is no success where the helper ends with %i, in the words of git, masked', async (exitCode, expected) => {
    const { world } = scene({ pushes: { lines: [`fatal: not with ${SECRET}`], exitCode } });
    const { run } = await play(world);
    expect(short(run)).toBe(expected);
    expect(run.outcome?.error?.message).toMatch(/crewtab\/work.*fatal: not with/);
    expect(JSON.stringify([run.outcome, run.push])).not.toContain(SECRET);
  });

  it.each<[string, readonly Part[], string]>([
    ['the branch is there', [{ exitCode: 0 }], 'success pushed'],
    ['the branch is there a little later', [{ exitCode: REFUSED }, { exitCode: 0 }], 'success pushed'],
    ['the branch is not there', [{ exitCode: REFUSED }, { exitCode: REFUSED }], 'failed push_failed not_pushed'],
    ['it does not answer', [{ exitCode: UNKNOWN }, { exitCode: UNKNOWN }], 'failed push_unconfirmed unconfirmed'],
  ])(
    'is never pushed again where a worker died in the middle; the remote is asked: %s',
    async (_what, answers, end) => {
      const { world, kinds } = scene({ pushes: { exitCode: null }, answers });
      const { id } = world.store.addRun({ plan: PLAN });
      const first = world.worker();
      await first.holder.take(id);
      await world.eventually(() => world.store.read(id).push?.state === 'pushing' && kinds.includes('push'));
      // As when its process dies: nothing of it is called off, and it does nothing more.
      await first.runtime.close();
      first.runtime.runProgram = () => new Promise(() => undefined);
      world.store.expireLease(id);
      const second = world.worker();
      await second.holder.adoptAbandoned();
      await world.eventually(() => world.store.read(id).phase === 'finished');
      await Promise.all([first.holder.stop(), second.holder.stop()]);
      expect(short(world.store.read(id))).toBe(end);
      expect(kinds).toEqual(['fetch', 'push', ...answers.map(() => 'ask')]);
    },
  );

  it('is unconfirmed where the run is cancelled in the middle', async () => {
    const { world, kinds } = scene({ pushes: { exitCode: null } });
    const { id } = world.store.addRun({ plan: PLAN });
    const { holder } = world.worker();
    await holder.start();
    await holder.take(id);
    await world.eventually(() => kinds.includes('push'));
    world.store.requestCancel(id);
    await world.eventually(() => world.store.read(id).phase === 'finished');
    await holder.stop();
    expect(short(world.store.read(id))).toBe('cancelled cancelled unconfirmed');
  });
});
