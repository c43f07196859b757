import type { JsonObject } from './acp-messages';

/** More calls than these are not watched: an agent must not fill the worker's memory with calls that it never ends. */
const MOST_CALLS = 1_000;

/** The tool calls of a turn that the agent has begun and not ended. */
export class ToolCalls {
  /** Titles by id. */
  private readonly open = new Map<string, string>();

  /** @param content of a `tool_call` or a `tool_call_update` */
  note(content: JsonObject): void {
    const { toolCallId: id, title, status } = content;
    if (typeof id !== 'string') return;
    const known = this.open.get(id);
    const hasEnded = status === 'completed' || status === 'failed';
    if (hasEnded) this.open.delete(id);
    // Late details of a call that has ended bring no status, and open nothing.
    else if (known !== undefined || (content['sessionUpdate'] === 'tool_call' && this.open.size < MOST_CALLS))
      this.open.set(id, typeof title === 'string' ? title : (known ?? ''));
  }

  /** Of those that are open. */
  get titles(): string[] {
    return [...this.open.values()];
  }
}
