import type { MessageView } from '@crewtab/api-contract/run-routes';
import type { Terminal } from './terminal';

/** Columns that a message's speaker takes. */
const INDENT = 4;

/** Prints a conversation as it comes: text as it is said, everything else as one dim line. */
export class ConversationView {
  /** Whose text was printed last, with nothing in between. */
  private speaker: string | null = null;

  constructor(private readonly terminal: Terminal) {}

  show(message: MessageView): void {
    switch (message.kind) {
      case 'agent_message':
        return this.say(message);
      case 'prompt':
        return this.note(`→ ${this.name(message)}: ${this.fit(textOf(message))}`);
      case 'delegation':
        return this.note(this.delegation(message));
      case 'plan':
      case 'other':
        return undefined;
      case 'tool_call':
      case 'tool_result':
        return this.tool(message);
      default:
        return this.note(
          `${this.name(message)} ${this.dim(this.fit(textOf(message) || JSON.stringify(message.content)))}`,
        );
    }
  }

  private say(message: MessageView): void {
    if (this.speaker !== message.agent) this.terminal.line(`  ${this.name(message)}`);
    this.speaker = message.agent;
    const text = textOf(message).replace(/\n$/, '');
    for (const line of text.split('\n')) this.terminal.line(`    ${line}`);
  }

  private tool(message: MessageView): void {
    const { title, status } = message.content;
    // Updates in the middle of a call say little to a reader; its beginning and its end do.
    if (typeof title === 'string') this.note(`${this.name(message)} ${this.dim(this.fit(title))}`);
    else if (status === 'failed')
      this.note(`${this.name(message)} ${this.terminal.style('red', 'a tool call failed')}`);
  }

  private delegation(message: MessageView): string {
    const { to, task, text, error } = message.content;
    const words = [task, text, error].find((part) => typeof part === 'string') ?? '';
    const arrow = task === undefined ? '⇠' : '⇢';
    return task === undefined
      ? `${this.terminal.agent(String(to))} ${arrow} ${this.name(message)} ${this.dim(this.fit(String(words)))}`
      : `${this.name(message)} ${arrow} ${this.terminal.agent(String(to))} ${this.dim(this.fit(String(words)))}`;
  }

  private note(text: string): void {
    this.speaker = null;
    this.terminal.line(`  ${text}`);
  }

  private name(message: MessageView): string {
    return message.agent ? this.terminal.agent(message.agent) : this.dim('crewtab');
  }

  private fit(text: string): string {
    return this.terminal.fit(text, INDENT + 12);
  }

  private dim(text: string): string {
    return this.terminal.style('dim', text);
  }
}

function textOf(message: MessageView): string {
  const { text } = message.content;
  return typeof text === 'string' ? text : '';
}
