import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

// Real processes on a machine that may be busy.
jest.setTimeout(30_000);

const PROGRAM = join(__dirname, 'odd-agent.mjs');
const ANSWERS = /"result":\{"stopReason":"end_turn"\}/;

interface Transcript {
  readonly stdout: string;
  readonly stderr: string;
}

/** Everything that the agent writes until a line matches `last`, or until stdin's end ends it. */
async function converse(mode: string, requests: readonly object[], last: RegExp): Promise<Transcript> {
  const child = spawn(process.execPath, [PROGRAM, mode], { stdio: 'pipe' });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = new Promise((resolve) => child.on('close', resolve));
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (last.test(line)) child.stdin.end();
  });
  for (const request of requests) child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...request })}\n`);
  await ended;
  return { stdout, stderr };
}

const HANDSHAKE = [
  { id: 1, method: 'initialize', params: { protocolVersion: 1 } },
  { id: 2, method: 'authenticate', params: { methodId: 'api-key' } },
  { id: 3, method: 'session/new', params: { cwd: '/', mcpServers: [] } },
];
const PROMPT = {
  id: 4,
  method: 'session/prompt',
  params: { sessionId: 'odd-1', prompt: [{ type: 'text', text: 'hm' }] },
};
const TURN = [...HANDSHAKE, PROMPT];

describe('the odd agent', () => {
  it('is described in its README, mode by mode', async () => {
    const { stderr } = await converse('no-such-mode', [], /never/);
    const modes = /there is no mode no-such-mode: (.*)/.exec(stderr)?.[1]?.split(', ');
    const readme = readFileSync(join(__dirname, 'README.md'), 'utf8');
    expect([...readme.matchAll(/^\| `([a-z]+)` \|/gm)].map((match) => match[1])).toEqual(modes);
  });

  it.each<[string, RegExp]>([
    ['plain', /You asked: hm/],
    // eslint-disable-next-line no-control-regex -- the control bytes are the oddity
    ['osc', /^\x1b\]0;odd agent\x07\{/],
    ['cr', /^Loading 10 %\rLoading 100 %\r\{/],
    ['bom', /^\ufeff\{/],
    ['greet', /"sessionId":"odd-1"\}\}\n[^\n]*odd agent v1/],
    ['splitthought', /two [^\n]*"m1"[^\n]*\n[^\n]*"hm"[^\n]*"t1"[^\n]*\n[^\n]*halves[^\n]*"m1"/],
    ['string', /"content":"the answer is 42"/],
    ['array', /"content":\[\{"type":"text","text":"the answer is 42"\}\]/],
    ['child', /"sessionId":"odd-1-child"/],
    ['empty', /"sessionId":"odd-1"\}\}\n[^\n]*"stopReason":"end_turn"\}\}\n$/],
    ['opentool', /"status":"in_progress"[^\n]*\n[^\n]*end_turn/],
    ['garbage', /^npm warn this is no JSON \{"jsonrpc":$/m],
    ['unknownupdate', /"sessionUpdate":"odd_weather"/],
    ['halfline', /the answer is 42/],
    ['stranger', /"id":"asked-by-none"/],
  ])('%s: a turn with its oddity ends well', async (mode, oddity) => {
    const { stdout } = await converse(mode, TURN, ANSWERS);
    expect(stdout).toMatch(oddity);
    expect(stdout).toMatch(ANSWERS);
  });

  it('late: speaks after its answer', async () => {
    expect((await converse('late', TURN, /other half/)).stdout).toMatch(/end_turn[^\n]*\n[^\n]*and the other half/);
  });

  it('twice: answers the prompt twice', async () => {
    const { stdout } = await converse('twice', TURN, /refusal/);
    expect(stdout).toMatch(
      /"id":4,"result":\{"stopReason":"end_turn"[^\n]*\n[^\n]*"id":4,"result":\{"stopReason":"refusal"/,
    );
  });

  it('numeric: refuses an id that is no number, without saying which', async () => {
    const { stdout } = await converse('numeric', [{ id: 'one', method: 'initialize', params: {} }], /error/);
    expect(JSON.parse(stdout)).toMatchObject({ id: null, error: { code: -32600 } });
  });

  it('auth: makes no session before authenticate', async () => {
    const { stdout } = await converse('auth', [HANDSHAKE[0] ?? {}, HANDSHAKE[2] ?? {}], /error/);
    expect(stdout).toMatch(/"id":3,"error":\{"code":-32000/);
    expect((await converse('auth', TURN, ANSWERS)).stdout).toMatch(/You asked: hm/);
  });

  it('chooser: says what was chosen', async () => {
    const choice = { id: 7, result: { outcome: { outcome: 'selected', optionId: 'keep' } } };
    const { stdout } = await converse('chooser', [...TURN, choice], ANSWERS);
    expect(stdout.match(/"kind":"allow_once"/g)).toHaveLength(2);
    expect(stdout).toContain('the client chose keep');
  });

  it('unresponsive: answers only a cancel, and says before that it heard it', async () => {
    const cancel = { method: 'session/cancel', params: { sessionId: 'odd-1' } };
    const { stdout } = await converse('unresponsive', [...TURN, cancel], /"stopReason":"cancelled"/);
    expect(stdout).toMatch(/heard session\/cancel.*\n.*"id":4,"result":\{"stopReason":"cancelled"\}/);
  });
});
