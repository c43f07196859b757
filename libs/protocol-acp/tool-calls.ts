import { isObject, type JsonObject } from './acp-messages';

/** More calls than these are not watched: an agent must not fill the worker's memory with calls that it never ends. */
const MOST_CALLS = 1_000;
/** Of what a call was given, characters of JSON. */
const LONGEST_INPUT = 20_000;

/** The tool calls of a turn that the agent has begun and not ended. */
export class ToolCalls {
  /** What is known of each, by its id. */
  private readonly open = new Map<string, JsonObject>();

  /** @param content of a `tool_call` or a `tool_call_update` */
  note(content: JsonObject): void {
    const { toolCallId: id, status } = content;
    if (typeof id !== 'string') return;
    const known = this.open.get(id);
    const hasEnded = status === 'completed' || status === 'failed';
    if (hasEnded) this.open.delete(id);
    // Late details of a call that has ended bring no status, and open nothing.
    else if (known !== undefined || (content['sessionUpdate'] === 'tool_call' && this.open.size < MOST_CALLS))
      this.open.set(id, { ...known, ...essenceOf(content) });
  }

  /** Of those that are open. */
  get titles(): string[] {
    return [...this.open.values()].map(({ title }) => (typeof title === 'string' ? title : ''));
  }

  /** @returns what was known of it; null: it is not open */
  take(id: unknown): JsonObject | null {
    if (typeof id !== 'string') return null;
    const known = this.open.get(id);
    this.open.delete(id);
    return known ?? null;
  }

  knownOf(id: unknown): JsonObject {
    return (typeof id === 'string' && this.open.get(id)) || {};
  }
}

/** The tool calls of an agent's sub-agents. */
export class SubAgentCalls {
  /** By a call's id, the session that it belongs to. */
  private readonly sessions = new Map<string, string>();
  private readonly calls = new ToolCalls();

  /** Null for a call of the agent itself. */
  sessionOf(id: unknown): string | null {
    return (typeof id === 'string' && this.sessions.get(id)) || null;
  }

  knownOf(id: unknown): JsonObject {
    return this.calls.knownOf(id);
  }

  /** @param content of any update of the session */
  note(session: string, content: JsonObject): void {
    const { toolCallId: id } = content;
    if (typeof id !== 'string') return;
    this.calls.note(content);
    // After its end, too: late details of it may bear no session.
    this.sessions.set(id, session);
    const [oldest] = this.sessions.keys();
    if (this.sessions.size > MOST_CALLS && oldest !== undefined) this.sessions.delete(oldest);
  }
}

/** What permission rules may ask for, without what is too large. */
function essenceOf({ title, kind, rawInput, locations, _meta }: JsonObject): JsonObject {
  const isSmall = (value: unknown): boolean =>
    isObject(value) || Array.isArray(value) ? JSON.stringify(value).length <= LONGEST_INPUT : false;
  return {
    ...(typeof title === 'string' && { title: title.slice(0, LONGEST_INPUT) }),
    ...(typeof kind === 'string' && { kind }),
    ...(isSmall(rawInput) && { rawInput }),
    ...(isSmall(locations) && { locations }),
    ...(isSmall(_meta) && { _meta }),
  };
}
