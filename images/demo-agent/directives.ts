import { readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import { abort, crash, eatMemory, exit, flood, ignoreSigterm, killSelf } from './faults';
import { parseBytes, parseMs, patternText } from './pattern';
import { report, survey } from './report';
import { runShell } from './shell';
import { askLeader, callServer, delegate, delegateAsync, join, listTeammates } from './teamwork';
import type { PlanEntry, Turn, TurnEnd } from './turn';
import { messageOf } from './turn';

/** What follows the directive's word on its line, taken apart by `pattern`. */
type Argument = RegExpExecArray;

/** A directive either does something and the turn goes on, or ends the turn. */
export type Directive =
  | { readonly pattern: RegExp; readonly act: (turn: Turn, argument: Argument) => Promise<void> }
  | { readonly pattern: RegExp; readonly end: (argument: Argument) => TurnEnd };

const NOTHING = /^$/;
const TEXT = /^(.+)$/;

/** All directives by their word. README.md beside this file describes them; a test holds the two together. */
export const DIRECTIVES: Readonly<Record<string, Directive>> = {
  answer: { pattern: TEXT, act: (turn, [, text]) => turn.answer(unescape(text)) },
  stream: {
    pattern: /^(\d+)(?: every (\S+))?(?: (.+))?$/,
    act: (turn, [, n, every, text]) => stream(turn, n, every, text),
  },
  think: { pattern: TEXT, act: (turn, [, text]) => turn.output.thought(unescape(text)) },
  plan: { pattern: TEXT, act: (turn, [, text]) => turn.plan(planEntries(text)) },
  tool: { pattern: /^(\S+)$/, act: useNamedTool },
  work: { pattern: /^(\d+(?:\.\d+)?(?:ms|s|m))$/, act: (turn, [, duration = '1s']) => work(turn, parseMs(duration)) },
  hang: { pattern: NOTHING, act: () => new Promise(() => undefined) },
  'ignore-sigterm': { pattern: NOTHING, act: () => Promise.resolve(ignoreSigterm()) },
  crash: { pattern: NOTHING, act: crash },
  abort: { pattern: NOTHING, act: abort },
  exit: { pattern: /^(\d+)$/, act: (_turn, [, code]) => exit(Number(code)) },
  'kill-self': { pattern: NOTHING, act: killSelf },
  'eat-memory': { pattern: /^(\d*)$/, act: (turn, [, megabytes]) => eatMemory(turn, Number(megabytes || '1024')) },
  line: { pattern: /^(\d+(?:B|KB|MB)?)$/i, act: (turn, [, size = '0']) => turn.say(patternText(parseBytes(size))) },
  flood: { pattern: /^(\d+(?:B|KB|MB)?)$/i, act: (turn, [, size = '0']) => flood(turn, parseBytes(size)) },
  stderr: { pattern: TEXT, act: (_turn, [, text]) => writeStderr(unescape(text)) },
  permission: { pattern: TEXT, act: askPermission },
  refuse: { pattern: NOTHING, end: () => ({ reason: 'refusal' }) },
  'max-tokens': { pattern: NOTHING, end: () => ({ reason: 'max_tokens' }) },
  'max-requests': { pattern: NOTHING, end: () => ({ reason: 'max_turn_requests' }) },
  error: { pattern: TEXT, end: ([, text]) => ({ error: unescape(text) }) },
  write: { pattern: /^(\S+) (.+)$/, act: (turn, [, path, text]) => writeToWorkspace(turn, path, unescape(text)) },
  read: { pattern: /^(\S+)$/, act: (turn, [, path]) => readFromWorkspace(turn, path) },
  env: {
    pattern: /^([A-Za-z_]\w*)$/,
    act: (turn, [, name = '']) => turn.answer(`${name}=${process.env[name] ?? '(not set)'}`),
  },
  whoami: { pattern: NOTHING, act: whoAmI },
  shell: { pattern: TEXT, act: (turn, [, command = '']) => runShell(turn, command) },
  teammates: { pattern: NOTHING, act: listTeammates },
  delegate: {
    pattern: /^([a-z0-9-]+): (.+)$/,
    act: (turn, [, agent = '', task]) => delegate(turn, agent, unescape(task)),
  },
  'delegate-async': {
    pattern: /^([a-z0-9-]+): (.+)$/,
    act: (turn, [, agent = '', task]) => delegateAsync(turn, agent, unescape(task)),
  },
  ask: { pattern: TEXT, act: (turn, [, question = '']) => askLeader(turn, unescape(question)) },
  mcp: {
    pattern: /^(\S+) (\S+)(?: (\{.*\}))?$/,
    act: (turn, [, server = '', tool = '', args]) => callServer(turn, server, tool, args),
  },
  join: { pattern: NOTHING, act: join },
  report: { pattern: NOTHING, act: report },
  survey: { pattern: NOTHING, act: survey },
};

/** Lets one line of a prompt carry several: `\n` and `\t` are written as two characters, `\\` is a backslash. */
function unescape(text = ''): string {
  return text.replace(/\\([nt\\])/g, (_whole, letter: string) =>
    letter === 'n' ? '\n' : letter === 't' ? '\t' : '\\',
  );
}

async function stream(turn: Turn, count = '0', every = '0ms', text = 'chunk'): Promise<void> {
  const everyMs = parseMs(every);
  for (let index = 1; index <= Number(count) && !turn.isCancelled; index++) {
    await turn.say(`${text} ${index}\n`);
    if (everyMs > 0) await turn.pause(everyMs);
  }
}

function planEntries(text = ''): PlanEntry[] {
  return text.split(';').map((content) => ({ content: content.trim(), status: 'pending' }));
}

async function useNamedTool(turn: Turn, [, name = '']: Argument): Promise<void> {
  await turn.useTool({ title: name, kind: 'other', input: { name } }, () => Promise.resolve(`${name} is done`));
}

async function work(turn: Turn, durationMs: number): Promise<void> {
  const steps = Math.max(1, Math.min(Math.ceil(durationMs / 250), 1_000));
  const startedAt = Date.now();
  await turn.useTool(
    { title: `work for ${durationMs} ms`, kind: 'execute', input: { durationMs } },
    async (progress) => {
      for (let step = 1; step <= steps && !turn.isCancelled; step++) {
        await turn.pause(startedAt + (durationMs * step) / steps - Date.now());
        await progress(`${Math.round((100 * step) / steps)} %`);
      }
      return turn.isCancelled ? 'cancelled' : 'done';
    },
  );
}

function writeStderr(text: string): Promise<void> {
  return new Promise((done) => process.stderr.write(`${text}\n`, () => done()));
}

async function askPermission(turn: Turn, [, question = '']: Argument): Promise<void> {
  const outcome = await turn.output.askPermission(unescape(question));
  await turn.answer(`permission: ${outcome}`);
}

/** A file that can't be written is a failed tool call, which the agent mentions and goes on from, as a real one would. */
async function writeToWorkspace(turn: Turn, path = '', text: string): Promise<void> {
  const file = resolve(turn.context.workspace, path);
  await orMention(turn, `write ${path}`, () =>
    turn.useTool({ title: `write ${path}`, kind: 'edit', input: { path: file } }, async () => {
      await writeFile(file, text);
      return `${Buffer.byteLength(text)} bytes written`;
    }),
  );
}

async function readFromWorkspace(turn: Turn, path = ''): Promise<void> {
  const file = resolve(turn.context.workspace, path);
  await orMention(turn, `read ${path}`, async () => {
    const content = await turn.useTool({ title: `read ${path}`, kind: 'read', input: { path: file } }, () =>
      readFile(file, 'utf8'),
    );
    await turn.answer(content);
  });
}

async function orMention(turn: Turn, what: string, attempt: () => Promise<unknown>): Promise<void> {
  try {
    await attempt();
  } catch (error) {
    await turn.answer(`${what} failed: ${messageOf(error)}`);
  }
}

async function whoAmI(turn: Turn): Promise<void> {
  const { uid, gid } = userInfo();
  const { workspace, mode } = turn.context;
  await turn.answer(
    `uid=${uid} gid=${gid} pid=${process.pid} workspace=${workspace} mode=${mode} node=${process.version}`,
  );
}
