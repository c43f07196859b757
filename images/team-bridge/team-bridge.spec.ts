import { spawnSync } from 'node:child_process';
import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { AcpClient } from '../../test/kit/acp-client';
import type { TeamServer } from '../../test/kit/team-server';
import { startTeamServer } from '../../test/kit/team-server';
import { compileAgent } from '../build/compile-agent';
import { callTool, connectMcp } from '../demo-agent/team-tools';

// Real processes on a machine that may be busy.
jest.setTimeout(30_000);

/** The bridge as a child process between a real MCP client and a real unix socket. */
describe('team bridge', () => {
  let server: TeamServer;
  let client: Client | null = null;

  beforeEach(async () => {
    server = await startTeamServer();
  });

  afterEach(async () => {
    await client?.close();
    client = null;
    await server.close();
  });

  async function connect(): Promise<Client> {
    client = await connectMcp(await server.mcpServer('lead'));
    return client;
  }

  const idsOf = ({ calls }: TeamServer): string[] => calls.map(({ id }) => id);

  it('lists its tools without the socket', async () => {
    await server.goDown();
    const { tools } = await (await connect()).listTools();
    expect(tools.map(({ name }) => name)).toEqual([
      'list_teammates',
      'delegate',
      'wait',
      'answer',
      'result',
      'note',
      'notes',
    ]);
    for (const { _meta } of tools) expect(_meta).toEqual({ 'anthropic/alwaysLoad': true });
  });

  it('shows a teammate what is for teammates', async () => {
    const { env, ...given } = await server.mcpServer('writer');
    client = await connectMcp({ ...given, env: [...env, { name: 'CREWTAB_TEAM_ROLE', value: 'worker' }] });
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['ask', 'note', 'notes']);
    expect(await callTool(client, 'ask', { question: 'Which?' })).toBe('done');
    await expect(callTool(client, 'delegate', { agent: 'lead', task: 'x' })).rejects.toThrow(
      'there is no tool delegate',
    );
  });

  it('forwards calls with the name of its agent and returns the text', async () => {
    server.answer = ({ tool }) => ({ text: `${tool} is answered` });
    const bridge = await connect();
    expect(await callTool(bridge, 'list_teammates', {})).toBe('list_teammates is answered');
    expect(await callTool(bridge, 'delegate', { agent: 'anna', task: 'dig' })).toBe('delegate is answered');
    expect(server.calls).toEqual([
      {
        id: expect.stringMatching(/^lead-[0-9a-f]{16}-1$/) as string,
        agent: 'lead',
        tool: 'list_teammates',
        arguments: {},
        waitedMs: expect.any(Number) as number,
      },
      {
        id: expect.stringMatching(/^lead-[0-9a-f]{16}-2$/) as string,
        agent: 'lead',
        tool: 'delegate',
        arguments: { agent: 'anna', task: 'dig' },
        waitedMs: expect.any(Number) as number,
      },
    ]);
  });

  it('reports an error as the result of the tool', async () => {
    server.answer = () => ({ error: 'anna has crashed' });
    await expect(callTool(await connect(), 'delegate', { agent: 'anna', task: 'dig' })).rejects.toThrow(
      'anna has crashed',
    );
  });

  it('refuses incomplete arguments and unknown tools by itself', async () => {
    const bridge = await connect();
    await expect(callTool(bridge, 'delegate', { agent: 'anna' })).rejects.toThrow('missing, or not a text: task');
    await expect(callTool(bridge, 'dig', {})).rejects.toThrow('there is no tool dig');
    expect(server.calls).toEqual([]);
  });

  it('sends unanswered calls again with the same ids after an outage, and only those', async () => {
    const bridge = await connect();
    await callTool(bridge, 'list_teammates', {});
    server.answer = () => null;
    const first = callTool(bridge, 'delegate', { agent: 'anna', task: 'dig' });
    const second = callTool(bridge, 'delegate', { agent: 'ben', task: 'carry' });
    await server.untilCalls(3);
    const ids = idsOf(server).slice(1);

    await server.goDown();
    server.answer = (call) => ({ text: `${String(call.arguments['agent'])} is done` });
    await server.listen();

    expect(await Promise.all([first, second])).toEqual(['anna is done', 'ben is done']);
    expect(idsOf(server).slice(3)).toEqual(ids);
  });

  it('waits for a socket that is not there yet', async () => {
    await server.goDown();
    const bridge = await connect();
    const call = callTool(bridge, 'list_teammates', {});
    // Answered from the bridge itself while the call is waiting.
    expect((await bridge.listTools()).tools).toHaveLength(7);
    await server.listen();
    expect(await call).toBe('done');
    expect(server.calls).toHaveLength(1);
  });

  it('survives worker after worker that dies with the call in hand', async () => {
    server.answer = () => null;
    const call = callTool(await connect(), 'delegate', { agent: 'anna', task: 'dig' });
    for (let death = 1; death <= 3; death++) {
      await server.untilCalls(death);
      await server.goDown();
      await server.listen();
    }
    server.answer = () => ({ text: 'at last' });
    await server.goDown();
    await server.listen();
    expect(await call).toBe('at last');
    expect(new Set(idsOf(server)).size).toBe(1);
  });

  it('says with a call that is sent again how long it has waited', async () => {
    server.answer = () => null;
    const call = callTool(await connect(), 'wait', { handle: 'h1' });
    await server.untilCalls(1);
    await server.goDown();
    server.answer = () => ({ text: 'done' });
    await server.listen();
    await call;
    const [first, second] = server.calls.map(({ waitedMs }) => waitedMs);
    expect(second).toBeGreaterThan(first ?? Infinity);
  });

  it('tells a client that asked for progress that a call is going on, and no other', async () => {
    const bridge = await connect();
    server.answer = () => ({ text: 'done' });
    const told: unknown[] = [];
    const task = { name: 'delegate', arguments: { agent: 'anna', task: 'dig' } };
    await bridge.callTool(task);
    expect(told).toEqual([]);
    await bridge.callTool(task, undefined, { onprogress: (progress) => told.push(progress) });
    expect(told).toEqual([{ progress: 1, message: 'delegate is going on' }]);
  });

  it('sends a call that its client has cancelled to no other worker', async () => {
    const bridge = await connect();
    server.answer = () => null;
    const cancel = new AbortController();
    const task = { name: 'delegate', arguments: { agent: 'anna', task: 'dig' } };
    const call = bridge.callTool(task, undefined, { signal: cancel.signal });
    await server.untilCalls(1);
    cancel.abort();
    await expect(call).rejects.toThrow();
    await bridge.ping(); // The bridge has read what came before.

    await server.goDown();
    server.answer = () => ({ text: 'done' });
    await server.listen();
    expect(await callTool(bridge, 'list_teammates', {})).toBe('done');
    expect(server.calls.map(({ tool }) => tool)).toEqual(['delegate', 'list_teammates']);
  });

  it('carries tasks and answers of several MB, and any character', async () => {
    const text = `\u2028"ä\n${'x'.repeat(4 * 1024 * 1024)}`;
    server.answer = (call) => ({ text: String(call.arguments['task']) });
    expect((await callTool(await connect(), 'delegate', { agent: 'anna', task: text })) === text).toBe(true);
  });

  it('refuses a call that no worker would take', async () => {
    const bridge = await connect();
    const task = 'x'.repeat(16 * 1024 * 1024);
    await expect(callTool(bridge, 'delegate', { agent: 'anna', task })).rejects.toThrow(/too long.*shared workspace/);
    expect(server.calls).toEqual([]);
  });

  it('ends with its agent, and says what it lacks', async () => {
    const { teamBridge } = await compileAgent();
    const env = { CREWTAB_TEAM_SOCKET: server.path, CREWTAB_AGENT: 'lead' };
    expect(spawnSync(process.execPath, [teamBridge], { input: '', env }).status).toBe(0);
    const without = spawnSync(process.execPath, [teamBridge], { input: '', env: {}, encoding: 'utf8' });
    expect(without.status).toBe(2);
    expect(without.stderr).toContain('CREWTAB_TEAM_SOCKET');
  });

  it('serves the demo agent as a teammate that asks, until it has an answer', async () => {
    const { demoAgent } = await compileAgent();
    server.answer = () => ({ text: server.calls.length < 2 ? 'The leader has not answered yet. Ask again.' : 'swim' });
    const agent = AcpClient.start(process.execPath, [demoAgent]);
    const { env, ...given } = await server.mcpServer('anna');
    const mcpServers = [{ ...given, env: [...env, { name: 'CREWTAB_TEAM_ROLE', value: 'worker' }] }];
    await agent.handshake({ mcpServers });
    await agent.prompt('ask dig or swim?');
    expect(agent.text()).toBe('the leader says: swim');
    const asked = ['ask', { question: 'dig or swim?' }];
    expect(server.calls.map(({ tool, arguments: args }) => [tool, args])).toEqual([asked, asked]);
    await agent.close();
  });

  it('serves the demo agent as a leader that answers what its teammate asks', async () => {
    const { demoAgent } = await compileAgent();
    const handle = 'anna has not finished this task yet. Its handle is h1\nCall wait.';
    const asked = `${handle}\n---\nanna asks about its task (question q1):\ndig or swim?\nReply by the tool answer.`;
    server.answer = ({ tool }) => ({ text: { delegate: asked, wait: 'swam' }[tool] ?? 'anna has your answer.' });
    const agent = AcpClient.start(process.execPath, [demoAgent]);
    await agent.handshake({ mcpServers: [await server.mcpServer('lead')] });
    await agent.prompt('delegate anna: move');
    expect(agent.text()).toBe('anna says: swam');
    expect(server.calls.map(({ tool }) => tool)).toEqual(['delegate', 'answer', 'wait']);
    expect(server.calls[1]?.arguments).toEqual({ question: 'q1', text: 'as you like, about: dig or swim?' });
    await agent.close();
  });

  it('serves the demo agent with a task that takes longer than a call may', async () => {
    const { demoAgent } = await compileAgent();
    const handle = { text: 'anna has not finished this task yet. Its handle is h1\nCall wait.' };
    server.answer = ({ tool }) => (tool === 'delegate' || server.calls.length < 3 ? handle : { text: 'swam' });
    const agent = AcpClient.start(process.execPath, [demoAgent]);
    await agent.handshake({ mcpServers: [await server.mcpServer('lead')] });
    await agent.prompt('delegate anna: swim');
    expect(agent.text()).toBe('anna says: swam');
    const called = server.calls.map(({ tool, arguments: args }) => [tool, args]);
    expect(called.slice(1)).toEqual([
      ['wait', { handle: 'h1' }],
      ['wait', { handle: 'h1' }],
    ]);
    await agent.close();
  });

  it('serves the demo agent: teammates, delegations one after the other and side by side', async () => {
    const { demoAgent } = await compileAgent();
    server.answer = ({ tool, arguments: args }) =>
      args['agent'] === 'ben'
        ? { error: 'ben is ill' }
        : { text: tool === 'delegate' ? `did ${String(args['task'])}` : 'anna, ben' };
    const agent = AcpClient.start(process.execPath, [demoAgent]);
    await agent.handshake({ mcpServers: [await server.mcpServer('lead')] });
    const prompt = 'teammates\ndelegate anna: work 1s\\nanswer x\ndelegate ben: dig\ndelegate-async anna: swim\njoin';
    expect((await agent.prompt(prompt)).result).toEqual({ stopReason: 'end_turn' });
    expect(agent.text()).toBe('anna, benanna says: did work 1s\nanswer xben failed: ben is illanna says: did swim');
    await agent.close();
  });
});
