import type { DialogueOptions } from './agent-protocol';
import type { ToolEndpoint } from './runtime';

/** Where the tool calls of teams arrive at a worker: a socket per agent of a run, and the program in the container that speaks to it. */
export interface ToolServer {
  /**
   * Begins to listen for an agent's calls; takes the place of an earlier listener (of a worker that is gone) for the same
   * agent. `answer` may take as long as it takes; the same call id may come again after a broken connection.
   * @param agent the only one that is given the endpoint, so that every call is its, whatever the call says of itself
   * @param seat of the agent in its team: 0 leads, and each teammate has another. They have places and tools of their own
   */
  open(
    runId: string,
    agent: string,
    answer: (call: ToolCall) => Promise<ToolAnswer>,
    seat?: number,
  ): Promise<ToolSession>;
  /** Runs that have something on this host. */
  list(): Promise<string[]>;
  /** Removes what a run has on this host. Idempotent. */
  remove(runId: string): Promise<void>;
}

export interface ToolSession {
  /** To be handed to the runtime with the agent that uses the tools, and with no other. */
  readonly endpoint: ToolEndpoint;
  /** Whether the agent's program has ever connected to this session. */
  readonly isReached: boolean;
  /**
   * How the agent starts its tools, as an MCP server over stdio.
   * @param toolsPath where the agent sees the endpoint: see `Runtime.toolsPath`
   */
  serverAt(toolsPath: string): NonNullable<DialogueOptions['teamTools']>;
  /** Stops listening; calls under way are answered by the next session of the run. */
  close(): void;
}

export interface ToolCall {
  /** Unique per call in a run; the same when it is sent again. */
  readonly id: string;
  /** Who calls: known by where the call came from. */
  readonly agent: string;
  readonly tool: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  /** How long it has waited for workers that are gone, ms, by its own word; 0 where it says nothing of that. */
  readonly waitedMs?: number;
}

export type ToolAnswer = { readonly text: string } | { readonly error: string };
