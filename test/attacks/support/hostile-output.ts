import { SecretMask } from '@crewtab/orchestrator/masking/secret-mask';
import { resolve } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { DEFAULT_LEASE_MS, type Claim } from '@crewtab/domain/ports/run-store';
import type { AgentChannel, OutputLine } from '@crewtab/domain/ports/runtime';
import { LineSplitter } from '@crewtab/domain/runs/agent-output';
import type { DraftMessage } from '@crewtab/domain/runs/message';
import { DEFAULT_JSON_LIMITS, LONGEST_LINE_BYTES } from '@crewtab/domain/runs/output-limits';
import { AcpProtocol } from '@crewtab/protocol-acp/acp-session';
import { storableJson } from '@crewtab/store-prisma/database/database';
import { AgentSession } from '@crewtab/orchestrator/running/agent-session';
import { RunOutput } from '@crewtab/orchestrator/running/run-output';
import { OneAtATime, SystemClock } from '@crewtab/orchestrator/timing';
import { silentLogger } from '../../fakes/silent-logger';
import { startNode } from '../../kit/processes';

const MIB = 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;
const UPDATE = '{"jsonrpc":"2.0","method":"session/update","params":{"update":';

interface Attack {
  readonly head?: string;
  /** Repeated until `bytes` are there. */
  readonly unit: string;
  readonly bytes: number;
  readonly tail?: string;
  /** The code of the run; null where it goes on. */
  readonly endsAs: string | null;
}

/** What an agent writes: each ends with a newline. */
export const ATTACKS = {
  'a line of 40 MB, [1,1,1,…': { endsAs: 'line_limit', head: '[', unit: '1,', bytes: 40 * MIB, tail: '1]' },
  'a line of a gigabyte': { endsAs: 'line_limit', unit: 'x', bytes: 1024 * MIB },
  'a line of a million messages': { endsAs: 'batch_limit', head: '[', unit: '1,', bytes: 2 * MIB, tail: '1]' },
  'a line of 15 MB of messages': { endsAs: 'batch_limit', head: '[', unit: '{},', bytes: 15 * MIB, tail: '1]' },
  'a bomb of brackets': { endsAs: 'json_limit', unit: '[', bytes: 15 * MIB },
  'a bomb of braces': { endsAs: 'json_limit', unit: '{"a":', bytes: 15 * MIB },
  'five million objects': {
    endsAs: 'json_limit',
    head: `${UPDATE}{"x":[`,
    unit: '{},',
    bytes: 15 * MIB,
    tail: '1]}}}',
  },
  'a million names': { endsAs: 'json_limit', head: `${UPDATE}{`, unit: '"a":1,', bytes: 15 * MIB, tail: '"b":1}}}' },
  'as many objects as may be': { endsAs: null, head: `${UPDATE}{"x":[`, unit: '{},', bytes: 3 * 49_000, tail: '1]}}}' },
  'a text of 15 MB': { endsAs: null, head: `${UPDATE}{"text":"`, unit: 'x', bytes: 15 * MIB, tail: '"}}}' },
  'a text of 15 MB of escapes': {
    endsAs: null,
    head: `${UPDATE}{"text":"`,
    unit: '\\u0001',
    bytes: 15 * MIB,
    tail: '"}}}',
  },
  'a line of 15 MB of zeros': { endsAs: null, unit: '\0', bytes: 15 * MIB },
  'a line of 15 MB that is no UTF-8': { endsAs: null, unit: '\xff', bytes: 15 * MIB },
  'a million short lines': { endsAs: 'message_limit', unit: '{}\n', bytes: 3 * MIB },
  'twenty million blank lines': { endsAs: null, unit: '\n', bytes: 20 * MIB },
} satisfies Record<string, Attack>;

export type AttackName = keyof typeof ATTACKS;

export interface Found {
  readonly code: string | null;
  readonly messages: number;
  /** In one statement. */
  readonly mostMessages: number;
  readonly mostStatementBytes: number;
  /** Beyond what the process had before, MiB. */
  readonly memoryMib: number;
  readonly longestStopMs: number;
}

function* chunksOf({ head = '', unit, bytes, tail = '' }: Attack): Generator<Buffer> {
  yield Buffer.from(head, 'latin1');
  const chunk = Buffer.from(unit.repeat(Math.max(1, Math.floor(Math.min(CHUNK_BYTES, bytes) / unit.length))), 'latin1');
  for (let left = Math.floor(bytes / unit.length) * unit.length; left > 0; left -= chunk.length)
    yield Buffer.from(chunk.subarray(0, Math.min(left, chunk.length)));
  yield Buffer.from(`${tail}\n`, 'latin1');
}

async function* linesOf(attack: Attack, longestLineBytes: number): AsyncGenerator<OutputLine> {
  const splitter = new LineSplitter(longestLineBytes);
  for (const chunk of chunksOf(attack)) {
    // As a chunk of the engine's log comes: not at once.
    await new Promise((resolve) => setImmediate(resolve));
    for (const line of splitter.push(chunk)) yield { stream: 'stdout', ...line };
  }
}

/** Reads an agent's output as a worker does, into a store that forgets it. */
async function suffer(attack: Attack, hasLimits: boolean): Promise<Found> {
  const found = { messages: 0, mostMessages: 0, mostStatementBytes: 0 };
  const before = process.memoryUsage().rss;
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const longestLineBytes = hasLimits ? LONGEST_LINE_BYTES : Infinity;
  const unlimited = { batchEntries: Infinity, depth: Infinity, values: Infinity };
  const output = new RunOutput({ outputLimit: 100 * MIB, messageLimit: 200_000 }, 0, () => undefined);
  const channel: AgentChannel = {
    output: linesOf(attack, longestLineBytes),
    write: () => Promise.resolve(),
    endInput: () => Promise.resolve(),
    close: () => undefined,
  };
  const appendMessages = async (
    _claim: Claim,
    messages: readonly DraftMessage[],
    cursor?: { readonly to: { stdout: number; stderr: number } },
  ): Promise<{ stdout: number; stderr: number } | null> => {
    found.messages += messages.length;
    found.mostMessages = Math.max(found.mostMessages, messages.length);
    // As the driver does with a statement's parameter.
    const bytes = Buffer.from(storableJson(messages)).length;
    found.mostStatementBytes = Math.max(found.mostStatementBytes, bytes);
    await new Promise((resolve) => setImmediate(resolve));
    return cursor?.to ?? null;
  };
  const exit = { exitCode: 0, isOutOfMemory: false, mayLackOutput: false, message: '' };
  const session = new AgentSession(
    {
      runtime: {
        open: () => Promise.resolve(channel),
        inspect: () => Promise.resolve({ status: 'exited', ...exit }),
      },
      store: { appendMessages },
      largeLines: new OneAtATime(),
      clock: new SystemClock(),
      logger: silentLogger,
    },
    {
      claim: { runId: 'r', epoch: 1 },
      handle: 'h',
      carried: { tools: null, network: null },
      protocol: new AcpProtocol({ limits: hasLimits ? DEFAULT_JSON_LIMITS : unlimited }),
      dialogue: {
        runId: 'r',
        agent: { name: 'lead', role: 'leader', protocol: 'acp' },
        cwd: '/workspace',
        teamTools: null,
      },
      cursor: { stdout: 0, stderr: 0 },
      usage: null,
      isAdopted: false,
      activeAt: new Date(),
      wasReady: false,
      expectedTurns: [],
      longestLineBytes,
      output,
      mask: new SecretMask({}),
      emit: (event) => {
        if (event.kind === 'failed') throw event.error;
      },
    },
  );
  await session.run();
  await session.flush();
  return {
    code: output.failure?.code ?? null,
    ...found,
    memoryMib: Math.round(process.resourceUsage().maxRSS / 1024 - before / MIB),
    longestStopMs: Math.round(delay.max / 1e6),
  };
}

/** What the heap of such a worker may grow to, MiB: a small part of what Node allows by default. */
const HEAP_MIB = 160;

/** Plays an attack on a process of its own. @returns null where the process died of it */
export async function sufferInChild(attack: AttackName, limits: 'default' | 'none' = 'default'): Promise<Found | null> {
  const hook = resolve(__dirname, '../../support/typescript-hook.cjs');
  const child = startNode('worker', [
    `--max-old-space-size=${HEAP_MIB}`,
    '--require',
    hook,
    __filename,
    attack,
    limits,
  ]);
  const { code } = await child.exited;
  const found = child.lines.find((line) => line.startsWith('{"code"'));
  if (code === 0 && found !== undefined) return JSON.parse(found) as Found;
  if (/heap out of memory|allocation failed/i.test(child.tail())) return null;
  throw new Error(`the worker ended with ${code}:\n${child.tail()}`);
}

/** Beyond the heap lie the bytes of a line and of a statement. Seen: 300. */
const MEMORY_MIB = 512;

export function expectSurvived(attack: AttackName, found: Found | null): void {
  expect(found).toMatchObject({ code: ATTACKS[attack].endsAs });
  expect(found?.mostMessages).toBeLessThanOrEqual(1_500);
  // Each byte of the longest line as a character of three.
  expect(found?.mostStatementBytes).toBeLessThanOrEqual(3 * LONGEST_LINE_BYTES + MIB);
  expect(found?.memoryMib).toBeLessThan(MEMORY_MIB);
  // Beyond it a worker would lose its leases.
  expect(found?.longestStopMs).toBeLessThan(DEFAULT_LEASE_MS);
}

if (require.main === module) {
  const [name = '', limits] = process.argv.slice(2);
  const attack = ATTACKS[name as AttackName];
  void suffer(attack, limits !== 'none').then((found) => console.log(JSON.stringify(found)));
}
