import { text } from 'node:stream/consumers';
import { perform } from './perform';
import { recordPrompt } from './record-prompt';
import type { Settings } from './settings';
import { StdioWriter } from './stdio';
import type { PlanEntry, ToolChange, ToolStart, TurnEnd, TurnOutput } from './turn';
import { Turn } from './turn';

/**
 * The same agent for the `command` protocol: the prompt on stdin up to its end, the answer on stdout, everything else
 * on stderr; exit code 0 for a turn that ended well and 1 for every other end.
 */
export async function runCommandAgent(settings: Settings): Promise<void> {
  const prompt = await text(process.stdin);
  recordPrompt(settings, { protocol: 'command', requestId: null, text: prompt });
  const output = new CommandOutput();
  const workspace = process.cwd();
  const turn = new Turn({
    output,
    signal: new AbortController().signal,
    workspace,
    team: null,
    servers: [],
    mode: 'default',
    settings,
  });
  const end = await perform(turn, prompt);
  await output.finish(end);
  process.exit(isSuccess(end) ? 0 : 1);
}

class CommandOutput implements TurnOutput {
  private readonly stdout = new StdioWriter(process.stdout);
  private readonly stderr = new StdioWriter(process.stderr);
  private hasOpenLine = false;

  async text(text: string): Promise<void> {
    this.hasOpenLine = !text.endsWith('\n');
    await this.stdout.write(text);
  }

  thought(text: string): Promise<void> {
    return this.stderr.write(`thought: ${text}\n`);
  }

  plan(entries: readonly PlanEntry[]): Promise<void> {
    return this.stderr.write(entries.map(({ content, status }) => `plan: ${content} (${status})\n`).join(''));
  }

  toolStart(id: string, { title }: ToolStart): Promise<void> {
    return this.stderr.write(`${id}: ${title}\n`);
  }

  toolChange(id: string, { status, text = '' }: ToolChange): Promise<void> {
    return this.stderr.write(`${id}: ${status} ${text}\n`);
  }

  askPermission(): Promise<string> {
    return Promise.resolve('denied: the command protocol has no way to ask');
  }

  async finish(end: TurnEnd): Promise<void> {
    if (this.hasOpenLine) await this.stdout.write('\n');
    if (!isSuccess(end)) await this.stderr.write(`${'error' in end ? end.error : `stopped: ${end.reason}`}\n`);
  }
}

function isSuccess(end: TurnEnd): boolean {
  return 'reason' in end && end.reason === 'end_turn';
}
