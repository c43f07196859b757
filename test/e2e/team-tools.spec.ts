import { describeWithDocker } from '../kit/services/docker';
import { saidIn, type AgentInput } from '../kit/client';
import { Crewtab } from './support/crewtab';
import { promptsAtAgent, RECORDING, SAY_PROMPTS } from './support/recorded-prompts';

jest.setTimeout(120_000);

/** An MCP server over stdio without an SDK: its tools say their names, and what it was given. */
const SERVER = `require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  const say = (result) => console.log(JSON.stringify({ jsonrpc: '2.0', id, result }));
  const { protocolVersion } = params ?? {};
  if (method === 'initialize') say({ protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'x', version: '1' } });
  if (method === 'tools/call') say({ content: [{ type: 'text', text: [params.name, process.env.TOKEN, process.argv[1]].join(' ') }] });
});`;

describeWithDocker("an MCP server of the user's", () => {
  it("runs in its agent's container, with the secret that no answer shows", async () => {
    const crewtab = await Crewtab.start();
    try {
      const { api } = crewtab;
      const mcpServers = [{ name: 'files', command: 'node', args: ['-e', SERVER, 'here'], env: { TOKEN: 'geheim' } }];
      const team = await api.createTeam({ name: 'Alone', agents: [crewtab.leader({ mcpServers })] });
      expect(JSON.stringify(team)).not.toContain('geheim');
      const schedule = { teamId: team.id, name: 'x', prompt: 'mcp files list', cron: '0 0 1 1 *' };
      const { id } = await api.trigger((await api.createSchedule(schedule)).id);
      expect(await api.untilFinished(id)).toMatchObject({ status: 'success', result: 'list geheim here' });
    } finally {
      await crewtab.stop();
    }
  });
});

describeWithDocker('a task that takes longer than a call of a tool may', () => {
  let crewtab: Crewtab | undefined;

  afterEach(async () => {
    await crewtab?.stop();
    crewtab = undefined;
  });

  it('is followed by its handle, also when its worker is killed in the middle, and given once', async () => {
    crewtab = await Crewtab.start({ workers: 2, workerEnv: { TEAM_ANSWER_LIMIT: '2s' } });
    const { api } = crewtab;
    const helper: AgentInput = { ...crewtab.leader({ env: RECORDING }), name: 'helper', role: 'worker' };
    const team = await api.createTeam({ name: 'Pair', agents: [crewtab.leader(), helper] });
    const prompt = `delegate helper: work 15s\\nask which one\\nanswer from the helper\n${SAY_PROMPTS}`;
    const { id: scheduleId } = await api.createSchedule({ teamId: team.id, name: 'x', prompt, cron: '0 0 1 1 *' });
    const { id } = await api.trigger(scheduleId);
    await api.untilRun(id, async () =>
      JSON.stringify(await api.messages(id)).includes('has not finished this task yet. Its handle is lead-'),
    );
    const worker = await crewtab.workerOf(id);
    worker.kill('SIGKILL');
    await worker.exited;

    const run = await api.untilFinished(id, 100_000);
    expect(run).toMatchObject({ status: 'success', error: null, teardown: { containers: 2 } });
    const messages = await api.messages(id);
    const said = 'the leader says: as you like, about: which one\nfrom the helper';
    expect(saidIn(messages)).toContain(`helper says: ${said}`);
    // The task, the helper's question about it, and the answer to each.
    expect(messages.filter(({ kind }) => kind === 'delegation')).toHaveLength(4);
    expect(promptsAtAgent(messages)).toEqual(['work 15s\nask which one\nanswer from the helper']);
    expect(await crewtab.leftovers()).toEqual([]);
  });
});
