import type { DraftMessage } from '../runs/message';
import type { Failure } from '../errors';
import type { PlannedAgent } from '../runs/run';
import type { ReportedUsage } from '../runs/usage';
import type { Warning } from '../runs/warning';
import type { AgentProtocolName } from '../teams/team';
import type { AgentExit, OutputLine } from './runtime';

/**
 * A wire protocol, without any I/O: a fold over the agent's output lines that says what to store and what to write.
 * The same lines always give the same state, which is what makes adoption simple: a new worker reads the output from
 * its beginning, folds it again and stands where the last one stood.
 */
export interface AgentProtocol {
  readonly name: AgentProtocolName;
  /** Where an agent may still be talking when it says that its turn has ended: how long it is listened to, ms. */
  readonly grace?: {
    /** Of silence after its last line. */
    readonly quietMs: number;
    /** In all. */
    readonly mostMs: number;
  };
  /** How the runtime must keep the agent's stdin. */
  readonly stdin: 'open' | 'once';
  begin(dialogue: DialogueOptions): ProtocolSession;
}

export interface DialogueOptions {
  readonly runId: string;
  readonly agent: PlannedAgent;
  /** The working directory as the agent sees it. */
  readonly cwd: string;
  /** The program that gives the leader its team tools, as an MCP server over stdio; null where it has none. */
  readonly teamTools: {
    readonly command: string;
    readonly args: readonly string[];
    readonly env: Readonly<Record<string, string>>;
  } | null;
}

export interface ProtocolSession {
  readonly state: DialogueState;
  /** What there is to warn of so far; costs more than `state`. */
  readonly warnings: readonly Warning[];
  /** What the agent has reported of what it used; null: nothing yet. Another object with every change. */
  readonly usage: ReportedUsage | null;
  /** For who must end it while it is at work; costs more than `state`. */
  readonly lastSeen: LastSeen;

  /** What to write when the agent has just been started. */
  open(): Outgoing[];

  /** Folds one line. Called for every line from the first, replayed ones included. `at` is the time of reading. */
  receive(line: OutputLine, at: Date): Reaction;

  /**
   * What to write after adoption, once the stored lines were folded again: first a bare newline where half a line may
   * be pending in the agent's stdin, then whatever the agent still waits for. All of it is safe to repeat (handshake
   * requests without a response, answers to the agent's requests); a turn never is, and is not among them.
   */
  resume(): Outgoing[];

  /** What to write to begin a turn. `id` is the turn's (`prompt:<runId>`, `delegate:<callId>`). */
  startTurn(turn: { readonly id: string; readonly text: string }): Outgoing[];

  /** Tells the session that an earlier worker wrote the turn, so that output is credited to it (adoption). */
  expectTurn(id: string): void;

  /** What to write to ask the agent to end its turn early; may be empty. */
  cancelTurn(): Outgoing[];

  /** Tells that the process has ended and no line is outstanding; for `command` this ends the turn. */
  exited(exit: AgentExit, at: Date): Reaction;
}

/** What one line leads to. */
export interface Reaction {
  readonly messages: readonly DraftMessage[];
  /** Written only after `messages` are stored. Dropped during replay: `resume()` repeats what matters. */
  readonly outgoing: readonly Outgoing[];
  /** The line goes beyond a limit of the protocol's: the run ends with it, and no line is folded after it. */
  readonly failure?: Failure;
}

export interface Outgoing {
  /** Whole lines including the newline. */
  readonly data: string;
  /** Close stdin after it. */
  readonly endInput?: boolean;
}

export interface DialogueState {
  readonly handshake:
    | { readonly status: 'pending' }
    | { readonly status: 'ready' }
    | { readonly status: 'failed'; readonly failure: Failure };
  /** Turns by id, those begun and those whose end was seen. */
  readonly turns: ReadonlyMap<string, TurnState>;
  /** True once the output shows that a turn is or was being worked on: proof that a prompt arrived. */
  readonly hasSeenWork: boolean;
  /** A program that need not read its input has ended well before it was given any: its turn is done when it begins. */
  readonly hasEndedWell?: true;
}

export type TurnState =
  { readonly status: 'open' } | DoneTurn | { readonly status: 'failed'; readonly failure: Failure };

export interface DoneTurn {
  readonly status: 'done';
  /** The last unbroken block of the agent's message text in the turn (its final answer), possibly empty. */
  readonly text: string;
  /** It said nothing, and its protocol has words for saying something: no exit code speaks for it. */
  readonly isSilent?: true;
  /** Titles of the tool calls that it began and did not end; absent where there are none. */
  readonly openCalls?: readonly string[];
  /** Until then the agent may still be talking: see `AgentProtocol.grace`. */
  readonly settlesAt?: Date;
}

export function isSettled({ settlesAt }: DoneTurn, now: Date): boolean {
  return !settlesAt || settlesAt <= now;
}

export interface LastSeen {
  /** What the agent was last seen doing, in words that follow its name; null: it has nothing to do. */
  readonly doing: string | null;
  /** The end of its stderr, to follow other words; empty: none. */
  readonly stderr: string;
}
