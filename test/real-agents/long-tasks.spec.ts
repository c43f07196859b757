import { call, callAfter, type Step } from './model-server/script';
import { CLAUDE_CODE, CODEX, GEMINI, OPENCODE, team, type AgentProgram } from './support/programs';
import { describeWithAgents, RealCrewtab } from './support/real-crewtab';

jest.setTimeout(300_000);

/** The tools of a team answer within so long; programs give a call up after minutes. */
const ANSWER_LIMIT = '3s';
/** Beyond that limit, and within two more calls. */
const TASK = 'work 7s\nanswer late but true';
/** Beyond the time that another worker needs to take over. */
const LONG_TASK = 'work 25s\nanswer late but true';

describeWithAgents('a task that takes longer than a call of a tool may', () => {
  let real: RealCrewtab;

  beforeAll(async () => {
    const workerEnv = { TEAM_ANSWER_LIMIT: ANSWER_LIMIT };
    real = await RealCrewtab.start([CLAUDE_CODE, CODEX, OPENCODE, GEMINI], { workers: 2, workerEnv });
  });

  afterAll(() => (real as RealCrewtab | undefined)?.stop());

  /** Waits by the newest handle until the answer is there. */
  const wait = (program: AgentProgram): Step =>
    callAfter((heard) =>
      heard.includes('late but true')
        ? 'It took its time.'
        : team(program, 'wait', { handle: [...heard.matchAll(/Its handle is ([\w~-]+)/g)].at(-1)?.[1] ?? '' }),
    );

  it.each([CLAUDE_CODE, CODEX, OPENCODE, GEMINI])('is waited for by $name', async (program) => {
    const script = real.models.script(
      call(team(program, 'delegate', { agent: 'helper', task: TASK })),
      wait(program),
      wait(program),
      wait(program),
      wait(program),
    );
    const helper = { ...real.crewtab.leader(), name: 'helper', role: 'worker' as const };
    const { run } = await real.play(program, script, { workers: [helper] });
    expect(run).toMatchObject({ status: 'success', result: 'It took its time.' });
    const [first, ...others] = real.models.heardBy(script);
    expect(first).toContain('has not finished this task yet');
    expect(others.at(-1)).toContain('late but true');
  });

  it.each([CLAUDE_CODE, CODEX, OPENCODE, GEMINI])(
    'is waited for by $name while its worker is killed',
    async (program) => {
      const waits = Array.from({ length: 12 }, () => wait(program));
      const script = real.models.script(
        call(team(program, 'delegate', { agent: 'helper', task: LONG_TASK })),
        ...waits,
      );
      const helper = { ...real.crewtab.leader(), name: 'helper', role: 'worker' as const };
      const { id } = await real.begin(program, script, { workers: [helper] });
      await real.models.untilAsked(script, 2);
      (await real.crewtab.workerOf(id)).kill('SIGKILL');
      const { run, messages } = await real.end(await real.crewtab.api.run(id));
      expect(run).toMatchObject({ status: 'success', result: 'It took its time.' });
      expect(real.models.heardBy(script).at(-1)).toContain('late but true');
      // The teammate was given its task once.
      const tasks = messages.filter(({ agent, kind }) => agent === 'helper' && kind === 'prompt');
      expect(tasks.length).toBeLessThanOrEqual(1);
      await real.crewtab.startWorker();
    },
  );
});
