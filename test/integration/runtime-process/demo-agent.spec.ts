import { resolve } from 'node:path';
import type { Agent } from '@crewtab/domain/teams/team';
import { AcpProtocol } from '@crewtab/protocol-acp/acp-session';
import { CommandProtocol } from '@crewtab/protocol-command/command-session';
import type { ProcessRuntime } from '@crewtab/runtime-process/process-runtime';
import { deployOptions } from '../../contracts/runtime/contract-fixture';
import { compileAgent } from '../../../images/build/compile-agent';
import { LiveDialogue } from './live-dialogue';
import { ProcessLives } from './process-lives';

const ODD_AGENT = resolve(__dirname, '../../odd-agent/odd-agent.mjs');
const T = 'prompt:run-1';

let lives: ProcessLives;
let runtime: ProcessRuntime;

beforeEach(async () => {
  lives = await ProcessLives.make();
  runtime = lives.runtime();
});
afterEach(() => lives.dispose(), 60_000);

/** Starts the demo agent, or `program`; `dialogue` gives each worker its own reader of it. */
async function started(
  agent: Partial<Agent> = {},
  program: readonly string[] | null = null,
): Promise<{ dialogue: (by?: ProcessRuntime) => Promise<LiveDialogue> }> {
  const whole: Agent = { name: 'solo', role: 'leader', protocol: 'acp', ...agent };
  const file = program ?? [(await compileAgent()).demoAgent];
  const protocol = whole.protocol === 'acp' ? new AcpProtocol() : new CommandProtocol();
  const deployment = lives.deployment();
  const args = whole.protocol === 'command' ? ['--command'] : [];
  const spec = lives.shell('', {
    command: [process.execPath, ...file, ...args],
    env: whole.env ?? {},
    stdin: protocol.stdin,
  });
  await runtime.prepare(deployment);
  const { handle } = await runtime.ensureAgent(deployment, spec, deployOptions());
  const options = {
    runId: deployment.runId,
    agent: whole,
    cwd: runtime.workspacePath(deployment.runId),
    teamTools: null,
  };
  return { dialogue: async (by = runtime) => new LiveDialogue(by, handle, await by.open(handle), protocol, options) };
}

async function ready(agent: Partial<Agent> = {}, program: readonly string[] | null = null): Promise<LiveDialogue> {
  const dialogue = await (await started(agent, program)).dialogue();
  await dialogue.write(dialogue.session.open());
  return dialogue;
}

const isOver = ({ session }: LiveDialogue): boolean => session.state.handshake.status !== 'pending';

/** A channel is read once: the handshake and the turn after it are one reading. */
async function prompted(
  text: string,
  agent: Partial<Agent> = {},
  program: readonly string[] | null = null,
  mayStart: (dialogue: LiveDialogue) => boolean = () => true,
): Promise<LiveDialogue> {
  const dialogue = await ready(agent, program);
  let isSent = false;
  await dialogue.until((now) => {
    if (!isSent && now.session.state.handshake.status === 'ready' && mayStart(now)) {
      isSent = true;
      void dialogue.write(now.session.startTurn({ id: T, text }));
    }
    return isSent && now.session.state.turns.get(T)?.status !== 'open';
  });
  return dialogue;
}

describe('the demo agent over ACP', () => {
  it('answers the handshake, works in the workspace with its mode, and shows what it does', async () => {
    const prompt =
      'think hm\nplan a; b\ntool ls\nwrite note.txt hello\nread note.txt\nstderr aside\nwhoami\nanswer Done.';
    const dialogue = await prompted(prompt, { mode: 'unattended', instructions: 'You are a test.' });
    const turn = dialogue.session.state.turns.get(T);
    expect(turn).toMatchObject({ status: 'done' });
    expect(turn?.status === 'done' && turn.text).toContain('Done.');
    expect(dialogue.textOf('agent_message')).toContain('unattended');
    expect(dialogue.textOf('stderr')).toBe('aside\n');
    expect(new Set(dialogue.messages.map(({ kind }) => kind))).toEqual(
      new Set(['agent_thought', 'plan', 'tool_call', 'tool_result', 'agent_message', 'stderr']),
    );
  }, 60_000);

  it.each([
    ['refuse', 'agent_refused'],
    ['max-tokens', 'agent_limit'],
    ['max-requests', 'agent_limit'],
    ['error it broke', 'agent_error'],
    ['crash', 'agent_exited'],
    ['exit 3', 'agent_exited'],
    ['kill-self', 'agent_killed'],
    ['abort', 'agent_killed'],
  ])(
    'fails on %s with %s',
    async (directive, code) => {
      const dialogue = await prompted(`answer so far\n${directive}`);
      expect(dialogue.session.state.turns.get(T)).toMatchObject({ status: 'failed', failure: { code } });
    },
    60_000,
  );

  it.each([
    ['permission May I?', 'allow', 'permission: allowed'],
    ['permission May I?', 'deny', 'permission: denied'],
  ] as const)(
    'has %s answered under %s',
    async (directive, permissions, text) => {
      const dialogue = await prompted(directive, { permissions });
      expect(dialogue.session.state.turns.get(T)).toMatchObject({
        status: 'done',
        text: expect.stringContaining(text) as string,
      });
    },
    60_000,
  );

  it('hands over a chunk of 8 MB whole', async () => {
    const dialogue = await prompted('line 8MB');
    expect(dialogue.textOf('agent_message')).toHaveLength(8 * 1024 * 1024);
    expect(dialogue.session.state.turns.get(T)?.status).toBe('done');
  }, 60_000);

  it('has a handshake that fails in its own words, or with its last words', async () => {
    const refused = await ready({ env: { DEMO_SESSION_ERROR: '1' } });
    await refused.until(isOver);
    expect(refused.session.state.handshake).toMatchObject({
      failure: { code: 'handshake_failed', message: expect.stringContaining('DEMO_SESSION_ERROR is set') as string },
    });
    const gone = await (await started({ env: { DEMO_EXIT_AT_START: '5' } })).dialogue();
    await gone.until(isOver);
    expect(gone.session.state.handshake).toMatchObject({
      failure: { code: 'agent_exited', message: expect.stringMatching(/exit code 5.*DEMO_EXIT_AT_START/s) as string },
    });
  }, 60_000);

  it('is adopted in the middle of a question: the next worker answers it, and the turn goes on', async () => {
    const { dialogue } = await started();
    const first = await dialogue();
    await first.write(first.session.open());
    let isSent = false;
    // The first worker reads the question and dies before it has answered.
    await first.until(({ session, messages }) => {
      if (!isSent && session.state.handshake.status === 'ready') {
        isSent = true;
        void first.write(session.startTurn({ id: T, text: 'stream 3\nthink hm\npermission May I?\nanswer Done.' }));
      }
      return messages.some(({ kind }) => kind === 'agent_thought');
    });
    first.close();

    const other = lives.runtime();
    const adopter = await dialogue(other);
    adopter.session.expectTurn(T);
    let hasResumed = false;
    await adopter.until(({ session, messages }) => {
      if (!hasResumed && messages.some(({ kind }) => kind === 'permission')) {
        hasResumed = true;
        void adopter.write(session.resume());
      }
      return session.state.turns.get(T)?.status !== 'open';
    }, true);
    expect(adopter.session.state.turns.get(T)).toMatchObject({
      status: 'done',
      text: expect.stringMatching(/permission: allowed[\s\S]*Done\./) as string,
    });
    expect(adopter.textOf('agent_message')).toContain('chunk 1\nchunk 2\nchunk 3\n');
  }, 60_000);
});

describe('an odd agent over ACP', () => {
  it.each([
    ['plain', 'You asked: hm'],
    ['osc', 'You asked: hm'],
    ['cr', 'You asked: hm'],
    ['bom', 'You asked: hm'],
    ['numeric', 'You asked: hm'],
    ['auth', 'You asked: hm'],
    ['splitthought', 'The answer has two halves.'],
    ['string', 'the answer is 42'],
    ['array', 'the answer is 42'],
    ['child', 'The main agent says A, the main agent says B.'],
    ['chooser', 'the client chose cancelled'],
    ['garbage', 'the answer is 42'],
    ['unknownupdate', 'the answer is 42'],
    ['halfline', 'the answer is 42'],
    ['stranger', 'the answer is 42'],
    ['twice', 'the answer is 42'],
  ])(
    '%s: its turn ends well, with its whole text',
    async (mode, text) => {
      const dialogue = await prompted('hm', {}, [ODD_AGENT, mode]);
      expect(dialogue.session.state.turns.get(T)).toEqual({ status: 'done', text });
    },
    60_000,
  );

  it('greet: keeps a greeting in the conversation, and out of the answer', async () => {
    const hasGreeted = ({ messages }: LiveDialogue): boolean => messages.length > 0;
    const { session, messages } = await prompted('hm', {}, [ODD_AGENT, 'greet'], hasGreeted);
    expect(messages[0]).toMatchObject({ kind: 'agent_message' });
    expect(session.state.turns.get(T)).toEqual({ status: 'done', text: 'You asked: hm' });
  }, 60_000);

  it('keeps what is not ACP in the conversation', async () => {
    const garbage = await prompted('hm', {}, [ODD_AGENT, 'garbage']);
    const text = 'npm warn this is no JSON {"jsonrpc":';
    expect(garbage.messages).toContainEqual(expect.objectContaining({ kind: 'other', content: { text } }));
    const unknown = await prompted('hm', {}, [ODD_AGENT, 'unknownupdate']);
    const update = { sessionUpdate: 'odd_weather', forecast: 'sunny', degrees: 21 };
    expect(unknown.messages).toContainEqual(
      expect.objectContaining({ kind: 'other', content: expect.objectContaining(update) as object }),
    );
  }, 60_000);
});

describe('the demo agent as a command', () => {
  it('reads its prompt to the end and answers on stdout', async () => {
    const dialogue = await (await started({ protocol: 'command' })).dialogue();
    expect(await dialogue.turn(T, 'think hm\nanswer Done.')).toEqual({ status: 'done', text: 'Done.' });
    expect(dialogue.textOf('stderr')).toBe('thought: hm\n');
  }, 60_000);

  it('fails with its exit code and its last words', async () => {
    const dialogue = await (await started({ protocol: 'command' })).dialogue();
    expect(await dialogue.turn(T, 'error it broke')).toMatchObject({
      failure: { code: 'agent_exited', message: expect.stringMatching(/exit code 1.*it broke/s) as string },
    });
  }, 60_000);
});
