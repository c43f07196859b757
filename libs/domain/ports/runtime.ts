import type { KeptWorkspace } from './kept-workspaces';
import type { RuntimeKind } from '../runtimes';
import type { HomeFile } from '../teams/preset';
import type { AgentResources } from '../teams/team';

/**
 * Where teams run. Every call is idempotent, each question that it asks the engine has a time limit inside the adapter, and
 * it throws `AppError`: `engine_unreachable` (retryable) when the engine did not answer, otherwise a code of the deploying
 * group or `engine_error`, with the engine's own words. A `teardown` asks many questions, and their limits can add up to
 * minutes: loops stop waiting earlier, and the call goes on.
 *
 * Containers run on without anyone watching: nothing here depends on the process that made them still being alive.
 */
export interface Runtime {
  readonly kind: RuntimeKind;

  /** The engine's own identity, which survives restarts of engine and workers. */
  identify(): Promise<HostIdentity>;

  /**
   * Makes what the team shares, before its agents: pulls their absent images (progress in words through `onProgress`, at
   * most a few a second), the network, the workspace. Get-or-create. Abort ends a pull early. A runtime whose unit is the
   * whole team makes that unit here.
   */
  prepare(deployment: DeploymentSpec, options: DeployOptions): Promise<void>;

  /**
   * Get-or-create and start one agent. An existing container of that name with this run's label is adopted, started if
   * it was never started, and left alone if it ended. A name taken by something else is `name_conflict`. A started
   * process is not yet a ready agent.
   * @param agent one of the deployment's
   */
  ensureAgent(deployment: DeploymentSpec, agent: AgentSpec, options: DeployOptions): Promise<AgentUnit>;

  /** Where the run's agents see their workspace, which is their working directory. Answers at once. */
  workspacePath(runId: string): string;

  /** Where an agent that was given this endpoint sees the folder of its tools. Answers at once. */
  toolsPath(endpoint: ToolEndpoint): string;

  /** The truth about one agent's process. `absent` when the engine answers that it does not know it. */
  inspect(handle: string): Promise<AgentProcess>;

  /**
   * Attaches stdin and follows the output from its beginning. Opening twice gives two readers of the same lines. A line
   * beyond the limit is passed over and never held.
   * @param longestLineBytes default LONGEST_LINE_BYTES
   * @param carried as this worker offers them: a runtime whose agents do not see this machine's folders carries their connections
   * there for as long as the channel is open
   */
  open(handle: string, longestLineBytes?: number, carried?: CarriedEndpoints): Promise<AgentChannel>;

  /**
   * Writes files into the run's workspace, in place of those of the same name; folders on the way are made. Any time
   * after `prepare`. Repeating it is harmless; a call that fails may have written some of them.
   */
  putFiles(deployment: DeploymentSpec, files: readonly WorkspaceFile[]): Promise<void>;

  /**
   * Reads a file or folder of the run's workspace as a stream of entries, also after its agents ended: a folder before
   * what is in it; a link is told and not followed. Content that was not read when the next entry is asked for is
   * passed over. Throws `not_found` where nothing is; a link on the way leads nowhere. Leaving the loop early releases everything.
   * @param path relative to the workspace; empty for all of it
   */
  readFiles(deployment: DeploymentSpec, path: string): AsyncIterable<FoundFile>;

  /**
   * Runs a program with the run's workspace as its working directory, in a fresh container of its image (pulled where it
   * is absent), and resolves when it has ended and the container is gone; what it changed in the workspace is there by
   * then. Not idempotent: every call runs it anew. A worker that dies meanwhile leaves a container with the run's label, for the run's teardown or the reaper. An abort
   * kills the program and rejects. One that cannot be started ends with 126 or 127 and its reason in the output.
   */
  runProgram(deployment: DeploymentSpec, program: ProgramSpec, signal: AbortSignal): Promise<ProgramResult>;

  /**
   * Ends the run's agents, which stay as they are then, and removes its programs, in so far as they were made under this
   * epoch or an earlier one; resolves when none of them runs. SIGTERM and `graceMs` to end, then SIGKILL; 0 kills at once.
   * Idempotent. A worker that is late with it does no harm to what a later owner of the run has begun.
   */
  stop(installationId: string, runId: string, options: StopOptions): Promise<void>;

  /**
   * Calls back whenever an agent of this installation ended, as a hint to inspect; also once with `null` after the
   * subscription was broken and repaired, when anything may have been overlooked. Reconnects by itself until closed.
   */
  watch(installationId: string, onEnded: (ended: EndedAgent | null) => void): Subscription;

  /**
   * Stops and removes everything that bears the run's label, then asks the engine again and reports what it still
   * finds. Agents get SIGTERM and `graceMs` to end, then SIGKILL; 0 kills at once. What is already gone counts as
   * removed before. Does not throw for single resources that resist: they are `left`.
   */
  teardown(installationId: string, runId: string, options: { graceMs: number }): Promise<TeardownReport>;

  /** Everything on this host with the installation's label, by run. */
  list(installationId: string): Promise<RunResources[]>;

  /**
   * Bytes of disk that runs of the installation take by now: what their agents changed in their own file systems, and
   * their workspaces. Runs of which the engine does not tell are left out. May take the engine many seconds; null where
   * another such question is under way.
   */
  measureDisk(installationId: string): Promise<ReadonlyMap<string, number> | null>;

  /** Closes sockets and subscriptions; containers go on. */
  close(): Promise<void>;
}

export interface StopOptions {
  readonly graceMs: number;
  readonly epoch: number;
}

export interface HostIdentity {
  /** Stable id, `[A-Za-z0-9_-]+`, used in queue names. */
  readonly id: string;
  /** For people: engine and version. */
  readonly description: string;
}

export interface DeploymentSpec {
  readonly installationId: string;
  readonly runId: string;
  /** `marketing-team-run-3f9a1c` */
  readonly name: string;
  readonly epoch: number;
  readonly deadlineAt: Date;
  readonly network: NetworkEndpoint;
  /** Its workspace is this one, which no teardown removes; absent: one of its own. Only where the runtime keeps workspaces. */
  readonly keptWorkspace?: KeptWorkspace;
  /** The whole team. */
  readonly agents: readonly AgentSpec[];
}

/** How a deployment's agents reach the network; the runtime makes it so. */
export type NetworkEndpoint = { readonly kind: 'none' } | OpenEndpoint | AllowlistEndpoint;

/** As the host does. */
export interface OpenEndpoint {
  readonly kind: 'open';
  /** False: the agents of all teams of the host share one, and cannot reach each other. */
  readonly hasOwnBridge: boolean;
}

/** No network but the run's egress proxy. */
export interface AllowlistEndpoint {
  readonly kind: 'allowlist';
  /** On the worker's host, with the proxy's socket in it: the folder and not the socket, which each worker makes anew. */
  readonly hostFolder: string;
  readonly socketName: string;
  /** In the place of `hostFolder`, by name, for agents that are told apart: no other one sees the folder. */
  readonly agentFolders?: Readonly<Record<string, string>>;
}

/** How an agent reaches its team's tools, as the tool server offers them; the runtime makes it so. */
export interface ToolEndpoint {
  readonly kind: 'unix-socket';
  /** On the worker's host, with the socket and the bridge program in it. */
  readonly hostFolder: string;
}

/** What an agent connects to on its worker's machine. */
export interface CarriedEndpoints {
  readonly tools: ToolEndpoint | null;
  /** Null where it is not served yet. */
  readonly network: NetworkEndpoint | null;
}

export interface AgentSpec {
  readonly name: string;
  readonly image: string | null;
  readonly command: readonly string[] | null;
  readonly env: Readonly<Record<string, string>>;
  /** Of those the ones that hold secrets: the runtime shows them in no place where it has another way; default none. */
  readonly secretVariables?: readonly string[];
  readonly resources: AgentResources;
  /** Put into its HOME before it starts. */
  readonly files?: readonly HomeFile[];
  /**
   * `open`: stdin stays open whatever happens to the worker. `once`: closing the channel's stdin is seen by the
   * program as end of file (the `command` protocol).
   */
  readonly stdin: 'open' | 'once';
  /** Null for an agent without team tools. */
  readonly tools: ToolEndpoint | null;
}

export interface AgentUnit {
  /** To persist: names the agent to this runtime on this host. */
  readonly handle: string;
  /** For people, as the engine's own programs show it. */
  readonly container: string;
}

/** A regular file to be written; links and folders are not. */
export interface WorkspaceFile {
  /** Relative to the workspace, without `..`. */
  readonly path: string;
  readonly content: Uint8Array;
  /** Permission bits; the owner is the user of the team's first image. */
  readonly mode: number;
}

export interface FoundFile {
  /** Relative to the workspace. */
  readonly path: string;
  /** `other`: a socket, device or pipe. */
  readonly kind: 'file' | 'folder' | 'link' | 'other';
  readonly mode: number;
  /** Bytes; 0 of what is no file. */
  readonly size: number;
  /** Of a link, as it is written there; null otherwise. */
  readonly target: string | null;
  /** How long ago it was last changed, by the host's clock and as exactly as its file system keeps it, ms; null: not known. */
  readonly ageMs: number | null;
  /** Once; empty of what is no file. */
  readonly content: AsyncIterable<Uint8Array>;
}

export interface ProgramSpec {
  /** A part of its container's name, as an agent's is. */
  readonly name: string;
  /** Null under a runtime without images. */
  readonly image: string | null;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly resources: AgentResources;
  readonly network: NetworkEndpoint;
  /** From its start, ms. */
  readonly timeLimitMs: number;
  /**
   * Put into its container before its start, readable for its user alone, and gone with it: what the engine shows of the container has
   * none of it. Only where the runtime has containers; others refuse it as `create_failed`.
   */
  readonly files?: readonly ProgramFile[];
  /** True: it runs as the owner of the workspace, which is the user of the team's first image, whatever its own image says. */
  readonly ownsWorkspace?: boolean;
  /** Called for each line of either stream, as it comes. */
  readonly onLine?: (line: string) => void;
  /** Of both streams together; after the line that goes beyond it, or beyond LONGEST_LINE_BYTES, the program is killed. */
  readonly outputLimitBytes: number;
}

export interface ProgramFile {
  /** Absolute. */
  readonly path: string;
  /** Null: a folder. */
  readonly content: string | null;
}

export interface ProgramResult {
  readonly end: 'exited' | 'time_limit' | 'output_limit';
  /** Null where a limit ended it. */
  readonly exitCode: number | null;
  /** The last PROGRAM_OUTPUT_BYTES that it wrote to both streams, in whole lines where they fit. */
  readonly output: string;
}

export const PROGRAM_OUTPUT_BYTES = 16 * 1024;

export interface DeployOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (text: string) => void;
  /**
   * The time by the clock that `deadlineAt` is an instant of; default the machine's own. The two may be hours apart, so
   * a limit that the machine itself is to keep must be computed as a span: `deadlineAt - now()`.
   */
  readonly now?: () => Date;
}

export type AgentProcess =
  | { readonly status: 'absent' }
  | { readonly status: 'created' }
  | { readonly status: 'running' }
  /** `message`: the engine's own words about a failed start, or empty. */
  | ({ readonly status: 'exited'; readonly message: string } & AgentExit);

/** How a process ended. */
export interface AgentExit {
  readonly exitCode: number;
  /** Only true when the engine says so; exit code 137 alone is not it. */
  readonly isOutOfMemory: boolean;
  /**
   * True where the engine cannot vouch for the end of the output, because it was not there when the agent ended: what it
   * had not read by then is lost, and the exit code may be a stand-in.
   */
  readonly mayLackOutput: boolean;
  /** Where the engine ended it for a reason of its own (an eviction): its words. */
  readonly endedBy?: string;
  /** Where the machine that it ran on is lost, and its host is more than that machine: its name. */
  readonly lostNode?: string;
}

export interface EndedAgent {
  readonly runId: string;
  readonly agent: string;
}

export interface Subscription {
  close(): void;
}

/** One reader and writer of an agent's stdin and output. */
export interface AgentChannel {
  /** Resolves when the engine (or operating system) has taken all bytes; rejects with AppError otherwise. */
  write(data: string): Promise<void>;
  /** Closes stdin (meaningful for `once`). */
  endInput(): Promise<void>;
  /**
   * Whole lines from the very beginning, in order, without their newline. Pull-based: a slow consumer slows the reader.
   * Ends after the agent's last line when its process has ended (an unterminated last line is given then); throws
   * `engine_unreachable` when the stream broke before that, without giving half a line.
   */
  readonly output: AsyncIterable<OutputLine>;
  /** Closes the connection; ends `output` early. */
  close(): void;
}

export interface OutputLine {
  readonly stream: 'stdout' | 'stderr';
  /** Counts from 0 per stream, the same at every reading. */
  readonly index: number;
  /** UTF-8; bytes that are not become U+FFFD. */
  readonly text: string;
  /** Set for a line beyond the limit, of which `text` has nothing: it is given as soon as it is known to be. */
  readonly isTooLong?: true;
}

export interface TeardownReport {
  readonly removed: ResourceCounts;
  /** What the engine still shows with the run's label, each with the engine's words why. Empty = verified clean. */
  readonly left: readonly Leftover[];
}

/** How many of each kind; a kind that is absent counts as none. Kinds are the runtime's own, in the singular. */
export type ResourceCounts = Readonly<Record<string, number>>;

export interface Leftover {
  readonly kind: string;
  readonly name: string;
  readonly reason: string;
}

export interface RunResources {
  readonly runId: string;
  readonly resources: ResourceCounts;
  /** Age of the youngest of them, in ms by the host's clock. */
  readonly youngestAgeMs: number;
}
