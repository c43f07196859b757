import { call, hang, say } from './model-server/script';
import { CLAUDE_CODE, CODEX, GEMINI, OPENCODE, team, type AgentProgram } from './support/programs';
import { describeWithAgents, RealCrewtab } from './support/real-crewtab';

jest.setTimeout(300_000);

const PAIRS: readonly { readonly leader: AgentProgram; readonly worker: AgentProgram }[] = [
  { leader: CLAUDE_CODE, worker: CODEX },
  { leader: CODEX, worker: OPENCODE },
  { leader: OPENCODE, worker: GEMINI },
  { leader: GEMINI, worker: CLAUDE_CODE },
];

describeWithAgents('a team of two programs', () => {
  let real: RealCrewtab;

  beforeAll(async () => {
    real = await RealCrewtab.start([CLAUDE_CODE, CODEX, OPENCODE, GEMINI], { workers: 2 });
  });

  afterAll(() => (real as RealCrewtab | undefined)?.stop());

  it.each(PAIRS)('goes on when its worker is killed while $worker.name answers $leader.name', async (pair) => {
    const { leader, worker } = pair;
    const task = real.models.script(hang(1), call(worker.shell('echo still here')), say('It is 42.'));
    const prompt = real.models.script(
      call(team(leader, 'delegate', { agent: 'helper', task: task.prompt })),
      say('The team has found it.'),
    );
    const helper = real.agent(worker, { name: 'helper', role: 'worker' });
    const { id } = await real.begin(leader, prompt, { workers: [helper] });
    await real.models.untilAsked(task);
    (await real.crewtab.workerOf(id)).kill('SIGKILL');
    const { run } = await real.end(await real.crewtab.api.run(id));
    expect(run).toMatchObject({ status: 'success', result: 'The team has found it.' });
    expect(real.models.heardBy(prompt).join()).toContain('It is 42.');
    await real.crewtab.startWorker();
  });

  it.each(PAIRS)('works: $leader.name leads $worker.name', async ({ leader, worker }) => {
    const task = real.models.script(call(worker.shell('echo 42 > found.txt; cat found.txt')), say('It is 42.'));
    const prompt = real.models.script(
      call(team(leader, 'delegate', { agent: 'helper', task: task.prompt })),
      call(leader.shell('cat /workspace/found.txt')),
      say('The team has found it.'),
    );
    const helper = real.agent(worker, { name: 'helper', role: 'worker' });
    const { run, messages } = await real.play(leader, prompt, { workers: [helper] });
    expect(run).toMatchObject({ status: 'success', result: 'The team has found it.' });
    const heard = real.models
      .requestsOf(prompt)
      .at(-1)
      ?.turns.flatMap(({ by, text }) => (by === 'tool' ? [text] : []));
    expect(heard?.[0]).toContain('It is 42.');
    expect(heard?.[1]).toContain('42');
    expect(new Set(messages.map(({ agent }) => agent))).toContain('helper');
  });
});
