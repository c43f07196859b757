import type { AgentProtocol, DialogueOptions, Outgoing, ProtocolSession } from '@crewtab/domain/ports/agent-protocol';
import type { AgentExit, OutputLine } from '@crewtab/domain/ports/runtime';
import type { DraftMessage } from '@crewtab/domain/runs/message';
import type { Agent } from '@crewtab/domain/teams/team';

export const READ_AT = new Date('2026-01-05T09:00:00.000Z');

export function dialogueWith(
  agent: Partial<Agent> = {},
  teamTools: DialogueOptions['teamTools'] = null,
): DialogueOptions {
  const whole = { name: 'writer', role: 'leader', protocol: 'acp', ...agent } as const;
  return { runId: 'run-1', agent: whole, cwd: '/workspace', teamTools };
}

/** Feeds a session with output, numbers the lines as a runtime does, and keeps what came of it. */
export class Dialogue {
  readonly session: ProtocolSession;
  readonly messages: DraftMessage[] = [];
  /** Everything written to the agent, in order. */
  readonly written: Outgoing[] = [];
  private readonly next = { stdout: 0, stderr: 0 };

  constructor(protocol: AgentProtocol, options: DialogueOptions) {
    this.session = protocol.begin(options);
  }

  open(): this {
    this.written.push(...this.session.open());
    return this;
  }

  hear(...lines: readonly string[]): this {
    return this.read('stdout', lines);
  }

  hearError(...lines: readonly string[]): this {
    return this.read('stderr', lines);
  }

  start(id: string, text: string): this {
    this.written.push(...this.session.startTurn({ id, text }));
    return this;
  }

  exit(exitCode: number, { isOutOfMemory = false, mayLackOutput = false, ...rest }: Partial<AgentExit> = {}): this {
    this.messages.push(...this.session.exited({ exitCode, isOutOfMemory, mayLackOutput, ...rest }, READ_AT).messages);
    return this;
  }

  /** `kind: content` of each message, for reading at a glance. */
  get told(): [string, unknown][] {
    return this.messages.map(({ kind, content }) => [kind, content]);
  }

  private read(stream: OutputLine['stream'], lines: readonly string[]): this {
    for (const text of lines) {
      const { messages, outgoing } = this.session.receive({ stream, index: this.next[stream]++, text }, READ_AT);
      this.messages.push(...messages);
      this.written.push(...outgoing);
    }
    return this;
  }
}
