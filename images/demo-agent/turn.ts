import type { McpServerStdio } from '@agentclientprotocol/sdk';
import type { Settings } from './settings';
import type { TeamTools } from './team-tools';

export type StopReason = 'end_turn' | 'refusal' | 'max_tokens' | 'max_turn_requests' | 'cancelled';

/** How a turn ended, as a value. */
export type TurnEnd = { readonly reason: StopReason } | { readonly error: string };

export interface PlanEntry {
  readonly content: string;
  readonly status: 'pending' | 'in_progress' | 'completed';
}

export interface ToolStart {
  readonly title: string;
  readonly kind: 'read' | 'edit' | 'search' | 'execute' | 'other';
  readonly input?: Readonly<Record<string, unknown>>;
}

export interface ToolChange {
  readonly status: 'in_progress' | 'completed' | 'failed';
  readonly text?: string;
}

/** Where a turn's output goes: session updates under ACP, stdout and stderr under `command`. */
export interface TurnOutput {
  text(text: string): Promise<void>;
  thought(text: string): Promise<void>;
  plan(entries: readonly PlanEntry[]): Promise<void>;
  toolStart(id: string, tool: ToolStart): Promise<void>;
  toolChange(id: string, change: ToolChange): Promise<void>;
  /** @returns what was answered, in words, e.g. `allowed (allow_once)`. */
  askPermission(question: string): Promise<string>;
}

export interface TurnContext {
  readonly output: TurnOutput;
  readonly signal: AbortSignal;
  /** Where relative paths of `read` and `write` begin. */
  readonly workspace: string;
  /** Connects to the team's tools at the first call; null where none were handed over. */
  readonly team: (() => Promise<TeamTools>) | null;
  /** All MCP servers over stdio that were handed over. */
  readonly servers: readonly McpServerStdio[];
  readonly mode: string;
  readonly settings: Settings;
}

let toolCount = 0;

/** One turn of the conversation, as the directives see it. */
export class Turn {
  /** Delegations that the turn has not waited for yet. */
  readonly openWork: Promise<void>[] = [];
  private hasOpenLine = false;

  constructor(readonly context: TurnContext) {}

  get output(): TurnOutput {
    return this.context.output;
  }

  get isCancelled(): boolean {
    return this.context.signal.aborted;
  }

  /** Adds to the message text. */
  async say(text: string): Promise<void> {
    this.hasOpenLine = !text.endsWith('\n');
    await this.output.text(text);
  }

  /** The same, on a line of its own. */
  async answer(text: string): Promise<void> {
    await this.say(this.hasOpenLine ? `\n${text}` : text);
  }

  async plan(entries: readonly PlanEntry[]): Promise<void> {
    this.hasOpenLine = false;
    await this.output.plan(entries);
  }

  /** Shows a tool call around `work`, which returns the tool's result and may throw. @returns that result. */
  async useTool(
    tool: ToolStart,
    work: (progress: (text: string) => Promise<void>) => Promise<string>,
  ): Promise<string> {
    this.hasOpenLine = false;
    const id = `tool-${++toolCount}`;
    await this.output.toolStart(id, tool);
    try {
      const text = await work((progress) => this.output.toolChange(id, { status: 'in_progress', text: progress }));
      await this.output.toolChange(id, { status: 'completed', text });
      return text;
    } catch (error) {
      await this.output.toolChange(id, { status: 'failed', text: messageOf(error) });
      throw error;
    }
  }

  /** Waits, less long when the turn is cancelled. */
  pause(ms: number): Promise<void> {
    const { signal } = this.context;
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal.addEventListener('abort', end);
    });
  }

  /** The pause between two steps of the demo, at the speed that a person can follow. */
  async breathe(ms: number): Promise<void> {
    await this.pause(ms * this.context.settings.pace);
  }

  /** Waits for `work`, or rejects when the turn is cancelled first; the work itself goes on. */
  orCancelled<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.context;
    return new Promise((resolve, reject) => {
      const cancel = (): void => reject(new Error('the turn was cancelled'));
      if (signal.aborted) cancel();
      signal.addEventListener('abort', cancel);
      work.then(resolve, reject).finally(() => signal.removeEventListener('abort', cancel));
    });
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
