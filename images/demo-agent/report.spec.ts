import { AcpClient, textOf } from '../../test/kit/acp-client';
import { startTeamServer } from '../../test/kit/team-server';
import type { TeamServer } from '../../test/kit/team-server';
import { compileAgent } from '../build/compile-agent';

// Real processes on a machine that may be busy.
jest.setTimeout(30_000);

describe('report', () => {
  let client: AcpClient | null = null;
  let server: TeamServer | null = null;

  afterEach(async () => {
    client?.child.kill('SIGKILL');
    await client?.exit;
    await server?.close();
    client = null;
    server = null;
  });

  /** The text after the last tool call: what becomes the run's result. */
  function finalText({ updates }: AcpClient): string {
    const lastTool = updates.findLastIndex(({ sessionUpdate }) => sessionUpdate.startsWith('tool_call'));
    return textOf(updates.slice(lastTool + 1));
  }

  async function reportWith(team: TeamServer | null): Promise<AcpClient> {
    const { demoAgent } = await compileAgent();
    client = AcpClient.start(process.execPath, [demoAgent], { DEMO_PACE: '0' });
    await client.handshake({ mcpServers: team ? [await team.mcpServer('lead')] : [] });
    expect((await client.prompt('Please write it.\nreport')).result).toEqual({ stopReason: 'end_turn' });
    return client;
  }

  it('says what is really in the sample repository', async () => {
    const text = finalText(await reportWith(null));
    expect(text).toMatch(/^# Report: harbour-lights\n/);
    expect(text).toContain('13 files');
    expect(text).toMatch(/\| Python \| 3 \| \d+ \|/);
    expect(text).toMatch(/- `[0-9a-f]{7}` 2026-03-01 Judge the latest reading/);
    expect(text).toContain('- `poller/main.go:25` ask them in parallel');
    expect(text).toContain('## Open TODOs (7)');
  });

  it('shows its plan and its tools on the way', async () => {
    const { updates } = await reportWith(null);
    const plans = updates.filter(({ sessionUpdate }) => sessionUpdate === 'plan');
    expect(JSON.stringify(plans.at(-1))).not.toMatch(/pending|in_progress/);
    expect(updates.filter(({ sessionUpdate }) => sessionUpdate === 'tool_call')).toHaveLength(3);
  });

  it('leaves the counting to the analyst', async () => {
    server = await startTeamServer();
    server.answer = ({ tool }) => ({ text: tool === 'delegate' ? '99 files, said the analyst' : 'analyst (worker)' });
    expect(finalText(await reportWith(server))).toContain('99 files, said the analyst');
    expect(server.calls.at(-1)).toMatchObject({
      agent: 'lead',
      tool: 'delegate',
      arguments: { agent: 'analyst', task: 'survey' },
    });
  });

  it('counts itself when the analyst fails', async () => {
    server = await startTeamServer();
    server.answer = ({ tool }) =>
      tool === 'delegate' ? { error: 'the analyst crashed' } : { text: 'analyst (worker)' };
    const text = finalText(await reportWith(server));
    expect(text).toContain('13 files');
  });
});
