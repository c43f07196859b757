import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RequestPermissionOutcome } from '@agentclientprotocol/sdk';
import { AcpClient } from '../../test/kit/acp-client';
import { compileAgent } from '../build/compile-agent';
import { patternText } from './pattern';

// Real processes on a machine that may be busy.
jest.setTimeout(30_000);

/** The agent as a real process, spoken to over its wire. */
describe('demo agent over ACP', () => {
  let program: string;
  let folder: string;
  const clients: AcpClient[] = [];

  beforeAll(async () => {
    program = (await compileAgent()).demoAgent;
  });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'demo-agent-'));
  });

  afterEach(async () => {
    for (const { child } of clients) child.kill('SIGKILL');
    await Promise.all(clients.splice(0).map(({ exit }) => exit));
    await rm(folder, { recursive: true });
  });

  function start(env: Record<string, string> = {}): AcpClient {
    const client = AcpClient.start(process.execPath, [program], env);
    clients.push(client);
    return client;
  }

  async function ready(env: Record<string, string> = {}): Promise<AcpClient> {
    const client = start(env);
    await client.handshake({ cwd: folder });
    return client;
  }

  it('answers the handshake as ACP v1 wants it, and ends when stdin ends', async () => {
    const client = start();
    const initialized = await client.initialize();
    expect(initialized.result).toMatchObject({ protocolVersion: 1, agentCapabilities: { loadSession: false } });
    const session = await client.newSession({ cwd: folder });
    expect(session.result).toMatchObject({
      sessionId: expect.any(String) as string,
      modes: { currentModeId: 'default' },
    });
    expect(await client.close()).toEqual({ code: 0, signal: null });
  });

  it('echoes a prompt without directives, the same way every time', async () => {
    const client = await ready();
    expect((await client.prompt('What is the weather?')).result).toEqual({ stopReason: 'end_turn' });
    expect(client.text()).toBe('You said, in 20 characters: What is the weather?');
  });

  it('does several directives in one turn, in order, and passes over prose', async () => {
    const client = await ready();
    await client.prompt(
      'You are a tester.\nthink hm\nanswer one\nplan A; B\ntool hammer\nstream 2 part\nanswer two\\nlines',
    );
    const kinds = client.updates.map(({ sessionUpdate }) => sessionUpdate);
    expect(kinds).toEqual([
      'agent_thought_chunk',
      'agent_message_chunk',
      'plan',
      'tool_call',
      'tool_call_update',
      ...Array<string>(3).fill('agent_message_chunk'),
    ]);
    expect(client.text()).toBe('onepart 1\npart 2\ntwo\nlines');
  });

  it('sets a mode that it offers and refuses others', async () => {
    const client = await ready();
    expect((await client.setMode('unattended')).result).toEqual({});
    expect((await client.setMode('reckless')).error?.message).toContain('reckless');
    await client.prompt('whoami');
    expect(client.text()).toContain('mode=unattended');
  });

  it('emits one line of 8 MB without a fault', async () => {
    const client = await ready();
    await client.prompt('line 8MB');
    expect(client.updates).toHaveLength(1);
    expect(client.text() === patternText(8 * 1024 * 1024)).toBe(true);
  });

  it('floods with numbered lines', async () => {
    const client = await ready();
    await client.prompt('flood 2MB');
    const numbers = client
      .text()
      .split('\n')
      .slice(0, -1)
      .map((line) => Number(line.slice(0, 9)));
    expect(numbers).toEqual(Array.from({ length: 2048 }, (_value, index) => index));
  });

  it('writes and reads files in the workspace, and mentions what it could not', async () => {
    const client = await ready();
    await client.prompt('write note.txt a\\nb\nread note.txt\nread missing.txt');
    expect(await readFile(join(folder, 'note.txt'), 'utf8')).toBe('a\nb');
    expect(client.text()).toMatch(/^a\nb.*read missing.txt failed: ENOENT/s);
    expect(client.updates.filter((update) => 'status' in update && update.status === 'failed')).toHaveLength(1);
  });

  it('runs shell commands in the workspace and tells an exit code', async () => {
    const client = await ready({ DEMO_TEST: 'here' });
    await client.prompt('shell pwd; exit 3\nenv DEMO_TEST');
    expect(client.text()).toBe(`${folder}\nexit code: 3\nDEMO_TEST=here`);
  });

  it.each<[RequestPermissionOutcome, string]>([
    [{ outcome: 'selected', optionId: 'allow' }, 'permission: allowed'],
    [{ outcome: 'selected', optionId: 'reject' }, 'permission: denied'],
    [{ outcome: 'cancelled' }, 'permission: cancelled'],
  ])('asks for permission and reports %j', async (answer, said) => {
    const client = await ready();
    client.permission = answer;
    await client.prompt('permission may I?');
    expect(client.text()).toBe(said);
  });

  it('writes to stderr', async () => {
    const client = await ready();
    await client.prompt('stderr watch out');
    await client.close();
    expect(client.stderr).toBe('watch out\n');
  });

  it.each([
    ['refuse', 'refusal'],
    ['max-tokens', 'max_tokens'],
    ['max-requests', 'max_turn_requests'],
  ])('ends the turn on %s with %s', async (directive, stopReason) => {
    const client = await ready();
    expect((await client.prompt(`${directive}\nanswer never`)).result).toEqual({ stopReason });
    expect(client.text()).toBe('');
  });

  it('answers the prompt with an error, and is there for the next one', async () => {
    const client = await ready();
    expect((await client.prompt('error out of luck')).error?.message).toBe('out of luck');
    expect((await client.prompt('answer fine')).result).toEqual({ stopReason: 'end_turn' });
  });

  it('ends a turn that is cancelled', async () => {
    const client = await ready();
    const turn = client.prompt('work 10m');
    await client.until(() => client.updates.length > 0);
    await client.cancel();
    expect((await turn).result).toEqual({ stopReason: 'cancelled' });
  });

  it('shows its progress while it works', async () => {
    const client = await ready();
    await client.prompt('work 300ms\nanswer done');
    const texts = client.updates.map((update) => JSON.stringify(update));
    expect(texts.filter((text) => / %/.test(text))).toHaveLength(2);
    expect(client.text()).toBe('done');
  });

  it.each([
    ['crash', { code: 1, signal: null }],
    ['abort', { code: null, signal: 'SIGABRT' }],
    ['exit 7', { code: 7, signal: null }],
    ['kill-self', { code: null, signal: 'SIGKILL' }],
  ])('dies on %s', async (directive, exit) => {
    const client = await ready();
    void client.prompt(`answer before\n${directive}\nanswer after`);
    expect(await client.exit).toEqual(exit);
    expect(client.text()).toBe('before');
  });

  it('hangs whatever it is told, and ignores SIGTERM once it was asked to', async () => {
    const client = await ready();
    void client.prompt('ignore-sigterm\nanswer deaf\nhang');
    await client.until(() => client.text() === 'deaf');
    await client.cancel();
    client.child.kill('SIGTERM');
    // It still answers others: neither the cancel nor the signal has reached anything.
    expect((await client.initialize()).result).toBeDefined();
    client.child.kill('SIGKILL');
    expect((await client.exit).signal).toBe('SIGKILL');
  });

  it('ends on SIGTERM otherwise', async () => {
    const client = await ready();
    client.child.kill('SIGTERM');
    expect(await client.exit).toEqual({ code: 143, signal: null });
  });

  it('allocates and keeps memory', async () => {
    const client = await ready();
    await client.prompt('eat-memory 24');
    expect(client.text()).toBe('24 MB eaten');
  });

  it('survives a client that reads no more', async () => {
    const client = await ready();
    void client.prompt('flood 50MB\nexit 9');
    await client.until(() => client.updates.length > 0);
    client.child.stdout.destroy();
    expect(await client.exit).toEqual({ code: 9, signal: null });
    expect(client.stderr).toBe('');
  });

  it('tolerates bare newlines, half lines, unknown methods and unknown answers', async () => {
    const complaints = jest.spyOn(console, 'error').mockImplementation();
    const client = await ready();
    client.writeLine('');
    client.writeLine('{"jsonrpc":"2.0","id":');
    client.writeLine('{"jsonrpc":"2.0","method":"session/wobble"}');
    client.writeLine('{"jsonrpc":"2.0","id":"permission-99","result":{}}');
    expect((await client.request('session/load', {})).error?.code).toBe(-32601);
    expect((await client.request('constructor', {})).error?.code).toBe(-32601);
    expect((await client.prompt('answer ok')).result).toEqual({ stopReason: 'end_turn' });
    // The client's word on the parse error that the half line was answered with.
    expect(complaints.mock.calls).toEqual([['Got response to unknown request', null]]);
  });

  it('records every prompt that arrives, before it does anything about it', async () => {
    const record = join(folder, 'record');
    const client = await ready({ DEMO_RECORD: record });
    await client.prompt('answer first');
    void client.prompt('exit 0');
    await client.exit;
    const lines = (await readFile(record, 'utf8')).trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { text: string }).text)).toEqual(['answer first', 'exit 0']);
  });

  describe('faults at its start', () => {
    it('exits with the code that it is told', async () => {
      expect(await start({ DEMO_EXIT_AT_START: '3' }).exit).toEqual({ code: 3, signal: null });
    });

    it('never answers initialize', async () => {
      const client = start({ DEMO_NO_HANDSHAKE: '1' });
      let hasAnswered = false;
      void client.initialize().then(() => (hasAnswered = true));
      // Refused before initialize is answered, which proves that initialize was read.
      expect((await client.newSession({ cwd: folder })).error?.code).toBe(-32600);
      expect(hasAnswered).toBe(false);
    });

    it('answers initialize late', async () => {
      const client = start({ DEMO_HANDSHAKE_DELAY_MS: '200' });
      const startedAt = performance.now();
      await client.initialize();
      expect(performance.now() - startedAt).toBeGreaterThanOrEqual(199);
    });

    it('fails to make a session', async () => {
      const answer = await start({ DEMO_SESSION_ERROR: '1' }).handshake();
      expect(answer.error?.message).toContain('DEMO_SESSION_ERROR');
    });

    it('ignores SIGTERM from the start', async () => {
      const client = await ready({ DEMO_IGNORE_SIGTERM: '1' });
      client.child.kill('SIGTERM');
      expect((await client.prompt('answer alive')).result).toEqual({ stopReason: 'end_turn' });
    });
  });
});
