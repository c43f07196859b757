import type { Run } from '../../kit/client';
import { call, cut, drop, hang, refuse, say, sayUntilLimit, type Step } from '../model-server/script';
import { team, type AgentProgram } from './programs';
import { MCP_SERVER_PROGRAM, startMcpServer } from './mcp-servers';
import { describeWithAgents, RealCrewtab, type EndedRun, type RunOptions } from './real-crewtab';

jest.setTimeout(300_000);

const FAULTS = {
  'a request that the API takes for wrong (400)': { step: refuse(400, 'the request is not well formed') },
  'a wrong key': { step: say('never'), key: 'sk-wrong-key-of-the-tests' },
  'a key without the right (403)': { step: refuse(403, 'this key may not use the model') },
  'an unknown model (404)': { step: refuse(404, 'there is no such model') },
  'a rate limit (429)': { step: refuse(429, 'too many requests for this key') },
  'a broken API (500)': { step: refuse(500, 'the API is broken') },
  'an overloaded API (529)': { step: refuse(529, 'Overloaded') },
  'an answer that breaks off': { step: cut('An answer that has a beginning and no end') },
  'a connection that is dropped': { step: drop() },
  'the token limit': { step: sayUntilLimit('As far as the limit goes') },
} satisfies Record<string, { readonly step: Step; readonly key?: string }>;

type Fault = keyof typeof FAULTS;
const FAULT_NAMES = Object.keys(FAULTS) as Fault[];

/** How a run ends after a fault: a part of it. */
interface FaultyRun {
  readonly status: Run['status'];
  readonly code?: string;
  /** What stands in the error's message, for the person who must do something about it. */
  readonly words?: string | RegExp;
}

interface ExpectedOfProgram {
  readonly faults: Readonly<Record<Fault, FaultyRun>>;
  /** Hosts that it asks for besides, and does without. */
  readonly asksInVain?: readonly string[];
  /** What it reports of tokens and cost. */
  readonly usage: { readonly hasTokens: boolean; readonly hasCost: boolean };
  /** It tells what its sub-agents say. */
  readonly tellsOfSubAgents?: true;
  /** A part of the run whose agent was refused a permission, where it can ask for any. */
  readonly refused?: object;
}

/** What every program must do as an agent of Crewtab, each in its own way. */
export function describeProgram(program: AgentProgram, expected: ExpectedOfProgram): void {
  describeWithAgents(`${program.name} as an agent`, () => {
    let real: RealCrewtab;

    beforeAll(async () => {
      real = await RealCrewtab.start([program], { workers: 2 });
    });

    afterAll(() => (real as RealCrewtab | undefined)?.stop());

    const play = (steps: readonly Step[], options?: RunOptions): Promise<EndedRun> =>
      real.play(program, real.models.script(...steps), options);

    it('answers, with its key and its instructions, and reaches nothing but its API', async () => {
      const script = real.models.script(say('Hello from the model.', { input: 1_234, output: 56 }));
      const agent = { instructions: 'Answer like a sailor.' };
      const { run, messages } = await real.play(program, script, { agent });
      expect(run).toMatchObject({ status: 'success', result: 'Hello from the model.', error: null });
      expectUsage(run, expected.usage);
      const [request] = real.models.requestsOf(script);
      const heard = [request?.instructions, ...(request?.turns ?? []).map(({ text }) => text)].join('\n');
      expect(heard).toContain('Answer like a sailor.');
      const asked = messages.flatMap(({ kind, content }) => (kind === 'network' ? [content] : []));
      const hosts = (wanted: string): unknown[] =>
        asked.flatMap((content) => (content['kind'] === wanted ? [content['host']] : []));
      expect(hosts('allowed')).toEqual([real.models.host.split(':')[0]]);
      expect(hosts('refused')).toEqual(expected.asksInVain ?? []);
    });

    it('does what its model asks of the shell and of files', async () => {
      const script = real.models.script(
        call(program.shell('echo made by the shell > one.txt')),
        call(program.write('/workspace/two.txt', 'made by a tool')),
        call(program.shell('cat one.txt two.txt')),
        say('Both are there.'),
      );
      const { run, messages } = await real.play(program, script);
      expect(run).toMatchObject({ status: 'success', result: 'Both are there.', error: null });
      expect(real.models.heardBy(script).at(-1)).toMatch(/made by the shell\s+made by a tool/);
      expect(messages.filter(({ kind }) => kind === 'tool_result').length).toBeGreaterThanOrEqual(3);
    });

    const { asking } = program;
    // A program without such a mode never asks: there is nothing to answer.
    (asking === null ? it.skip : it)('asks for a permission, and goes by the answer', async () => {
      const steps = [call(program.shell('echo done > /workspace/done.txt; cat done.txt')), say('That was all.')];
      const [allowed, refused] = await Promise.all([
        play(steps, { agent: { ...asking, permissions: 'allow' } }),
        play(steps, { agent: { permissions: 'deny' } }),
      ]);
      expect(allowed.run).toMatchObject({ status: 'success', result: 'That was all.', warnings: [] });
      expect(decisionsIn(allowed)).toEqual(['allowed']);
      expect(decisionsIn(refused)).toEqual(['denied']);
      expect(refused.run).toMatchObject(expected.refused ?? {});
    });

    it('gives a task to a teammate and goes on with the answer', async () => {
      const helper = { ...real.crewtab.leader(), name: 'helper', role: 'worker' as const };
      const script = real.models.script(
        call(team(program, 'delegate', { agent: 'helper', task: 'answer what the helper knows' })),
        say('The helper knows it.'),
      );
      const { run, messages } = await real.play(program, script, { workers: [helper] });
      expect(run).toMatchObject({ status: 'success', result: 'The helper knows it.' });
      expect(real.models.heardBy(script).join()).toContain('what the helper knows');
      expect(messages.filter(({ kind }) => kind === 'delegation')).not.toEqual([]);
    });

    it('works with MCP servers of its user, in its container and over HTTP', async () => {
      const server = await startMcpServer(real.models.address);
      try {
        const mcpServers = [
          { name: 'inside', command: 'node', args: ['-e', MCP_SERVER_PROGRAM], env: { KNOWS: 'what is inside' } },
          { name: 'outside', url: server.url, headers: { Authorization: 'Bearer of-the-tests' } },
        ];
        const script = real.models.script(
          call(program.mcp('inside', 'tell', {})),
          call(program.mcp('outside', 'tell', {})),
          say('Both have told.'),
        );
        const { run } = await real.play(program, script, { agent: { mcpServers }, hosts: [server.host] });
        expect(run).toMatchObject({ status: 'success', result: 'Both have told.' });
        const [inside, outside] = real.models.heardBy(script);
        expect(inside).toContain('what is inside');
        expect(outside).toContain('what is outside');
        expect(server.keys).toContain('Bearer of-the-tests');
      } finally {
        await server.close();
      }
    });

    it('has agents of its own, whose words are not its result', async () => {
      const { report } = program;
      const found = 'The part is 42.';
      const part = real.models.script(report ? call(report(found)) : say(found));
      const script = real.models.script(...program.subAgent(part.prompt).map(call), say('All parts are there.'));
      const { run, messages } = await real.play(program, script);
      expect(run).toMatchObject({ status: 'success', result: 'All parts are there.', error: null });
      const told = messages.filter(({ kind, session }) => kind === 'agent_message' && session !== undefined);
      const words = told.map(({ content }) => content['text']).join('');
      if (expected.tellsOfSubAgents) expect(words).toBe(found);
      expect(real.models.requestsOf(part)).not.toEqual([]);
      const whole = real.models.requestsOf(script).at(-1);
      expect(whole?.turns.map(({ text }) => text).join('\n')).toContain(found);
    });

    it('goes on after a fault that passes', async () => {
      const { run } = await play([refuse(529, 'Overloaded', 1), say('It was nothing.')]);
      expect(run).toMatchObject({ status: 'success', result: 'It was nothing.', error: null });
    });

    it('ends at once when its run is cancelled in the middle of an answer', async () => {
      const script = real.models.script(hang());
      const { id } = await real.begin(program, script);
      await real.models.untilAsked(script);
      await real.crewtab.api.cancel(id);
      expect(await real.crewtab.api.untilFinished(id)).toMatchObject({ status: 'cancelled' });
    });

    it('goes on with another worker when its own is killed in the middle of an answer', async () => {
      // The connection to the model leads through the worker, and breaks with it.
      const script = real.models.script(hang(1), call(program.shell('echo still here')), say('Nothing was lost.'));
      const { id } = await real.begin(program, script);
      await real.models.untilAsked(script);
      (await real.crewtab.workerOf(id)).kill('SIGKILL');
      const { run, messages } = await real.end(await real.crewtab.api.run(id));
      expect(run).toMatchObject({ status: 'success', result: 'Nothing was lost.' });
      expect(messages.filter(({ kind }) => kind === 'prompt')).toHaveLength(1);
      await real.crewtab.startWorker();
    });

    describe('says in its run what to do about', () => {
      const runs = new Map<Fault, Run>();

      beforeAll(async () => {
        for (const fault of FAULT_NAMES) {
          const { step, key }: { readonly step: Step; readonly key?: string } = FAULTS[fault];
          const script = real.models.script(step);
          runs.set(fault, await real.begin(program, script, key === undefined ? {} : { key }));
        }
      });

      it.each(FAULT_NAMES)('%s', async (fault) => {
        const begun = runs.get(fault);
        if (!begun) throw new Error('the run was not begun');
        const { status, code, words } = expected.faults[fault];
        const message = words === undefined ? {} : { message: matching(words) };
        const error = code === undefined ? null : { code, ...message };
        expect((await real.end(begun)).run).toMatchObject({ status, error });
      });
    });
  });
}

function matching(words: string | RegExp): string {
  return (typeof words === 'string' ? expect.stringContaining(words) : expect.stringMatching(words)) as string;
}

/** Of an answer of 1,234 and 56 tokens. Claude Code counts the title that it asks for too, where that came in time. */
function expectUsage({ usage }: Run, { hasTokens, hasCost }: ExpectedOfProgram['usage']): void {
  if (hasTokens) {
    expect([1_234, 1_334]).toContain(usage?.inputTokens);
    expect([56, 76]).toContain(usage?.outputTokens);
  } else {
    expect(usage).toMatchObject({ inputTokens: null, outputTokens: null });
  }
  if (hasCost) expect(usage?.cost).toEqual({ amount: expect.any(Number) as number, currency: 'USD' });
  else expect(usage?.cost).toBeNull();
  if (hasCost) expect(usage?.cost?.amount).toBeGreaterThan(0);
}

function decisionsIn({ messages }: EndedRun): unknown[] {
  return messages.flatMap(({ kind, content }) =>
    kind === 'permission' ? [(content as { decision?: unknown }).decision] : [],
  );
}
