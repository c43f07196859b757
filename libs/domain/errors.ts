/**
 * The catalogue of error codes. A code is stable: clients, runs and docs/errors.md refer to it, and a test holds this
 * list against that page. Meaning first, then what the reader can do is in docs/errors.md.
 */
export const ERROR_CODES = {
  // Requests
  invalid_request: 'The request is not valid; `errors` names each field.',
  unauthorized: 'No valid API key came with the request.',
  forbidden: 'The key may not do this.',
  not_found: 'There is no such resource in this organization.',
  method_not_allowed: 'The path exists, but not for this method.',
  conflict: 'The request contradicts the present state.',
  edited_meanwhile: 'The resource was edited since the revision that If-Match names; `edited` has what changed.',
  team_in_use: 'The team is used by schedules and cannot be deleted.',
  secret_in_use: 'The secret is used by agents and cannot be deleted.',
  idempotency_mismatch: 'The same Idempotency-Key came with another body.',
  idempotency_in_progress: 'A request with the same Idempotency-Key is still being answered.',
  rate_limited: 'Too many requests, unknown keys or open event streams.',
  payload_too_large: 'The body is over 1 MB.',
  unsupported_media_type: 'The body is not JSON.',
  not_ready: 'Postgres or Redis cannot be reached.',
  internal: 'A fault inside Crewtab.',
  // Runs that never began
  overlap_skipped: 'Another run of the schedule was active and its overlap policy is `skip`.',
  missed: 'No process was there to fire it in time and the catch-up policy did not ask for it.',
  cancelled: 'A person cancelled the run.',
  replaced: 'A newer run of the schedule took its place (overlap policy `replace`).',
  // Deploying
  environment_unreadable: 'The stored environment of an agent could not be opened.',
  secret_unavailable: 'A secret that an agent names was not there when the run began, or could not be opened.',
  not_allowed: 'An agent asks for more than the operator allows.',
  workspace_failed: 'The workspace could not be filled before the agents start.',
  preset_unusable: 'The preset of an agent is not there, or lacks what it needs.',
  image_not_found: 'The image is neither on the host nor in a registry that the engine can reach.',
  image_pull_failed: 'The engine could not pull the image.',
  image_build_failed: 'The image of a preset could not be built.',
  create_failed: 'The engine refused to create the container, network or volume.',
  start_failed: 'The engine or the operating system could not start the agent.',
  name_conflict: 'A container of that name exists that does not belong to this run.',
  network_not_enforced: 'The cluster does not keep agents to the listed hosts, and the operator has not accepted that.',
  isolation_required: 'The agent would run without isolation, which the operator has not chosen.',
  guard_missing: 'The build lacks a program for the engine that the network of the team needs.',
  handshake_timeout: 'An agent did not answer the handshake in time.',
  handshake_failed: 'An agent answered the handshake with an error.',
  // Prompting
  template_failed: 'The template of the prompt could not be rendered.',
  prompt_failed: 'The prompt could not be sent.',
  delivery_unconfirmed: 'A crash left open whether the prompt was delivered; it is never sent twice.',
  // Monitoring
  agent_error: 'The agent reported an error.',
  model_access: "The agent's model refused its key or login.",
  model_unreachable: 'The agent could not reach its model.',
  model_limit: "The agent's model has a limit that was reached: requests, tokens, context or credit.",
  agent_refused: 'The agent refused to go on.',
  agent_limit: 'The agent stopped at a limit of its own (tokens or requests).',
  agent_cancelled: 'The agent says its turn was cancelled, though it was not asked to.',
  permission_refused: 'The agent ended its turn because it was refused a permission.',
  empty_result: 'The leader ended its turn without a word.',
  tool_call_open: 'The leader ended its turn while a tool call of it was still open.',
  agent_idle: 'An agent that had work to do wrote nothing for as long as it may.',
  agent_exited: 'An agent ended before its work was done.',
  agent_killed: 'An agent was killed by a signal.',
  agent_evicted: 'The cluster ended the pod of an agent for a reason of its own.',
  out_of_memory: 'The engine reports that an agent ran out of memory.',
  output_lost: 'An agent ended while the engine was down, and the end of its output may be lost.',
  agent_vanished: "An agent's container is gone, and Crewtab did not remove it.",
  output_limit: 'An agent flooded its output.',
  line_limit: 'An agent wrote a longer line than Crewtab reads.',
  batch_limit: 'An agent put more messages into one line than Crewtab takes.',
  json_limit: 'An agent wrote JSON that is nested deeper, or has more values, than Crewtab reads.',
  message_limit: 'The run has more messages than a run may have.',
  disk_limit: "A run took more of its host's disk than it may.",
  protocol_error: 'An agent broke the protocol.',
  // Verifying
  verification_failed: 'A check that the schedule asks for did not pass.',
  push_failed: 'The work of the run could not be pushed.',
  push_unconfirmed: 'It is not known whether the work of the run was pushed; it is never pushed twice.',
  // Ending
  timeout: 'The deadline passed.',
  teardown_failed: 'The engine could not remove what was made for the run.',
  host_lost: 'The host of the run, or the node of its pod, was unresponsive beyond its limit.',
  // Adapters
  engine_unreachable: 'The container engine did not answer.',
  engine_error: 'The container engine answered with an error.',
  store_unreachable: 'Postgres did not answer.',
  artifact_store_unreachable: 'The store of artifacts did not answer, or has no room.',
  claim_lost: 'Another worker owns the run now.',
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

/** A code and the words that belong to it: how a failure is stored on a run. */
export interface Failure {
  readonly code: ErrorCode;
  /** For people; the engine's or the agent's own words where there are any. */
  readonly message: string;
}

/** The only error class that crosses a port. `retryable` says whether the same call may succeed later, unchanged. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;

  constructor(code: ErrorCode, message: string, options: { retryable?: boolean; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}

/** Thrown by every write of a claim that is no longer valid: another worker owns the run, stop at once (invariant I7). */
export class ClaimLostError extends AppError {
  constructor(runId: string) {
    super('claim_lost', `another worker owns run ${runId}`);
    this.name = 'ClaimLostError';
  }
}

/** Turns whatever was thrown into a code and words, for storing on a run. */
export function toFailure(error: unknown, fallback: ErrorCode): Failure {
  if (error instanceof AppError) return { code: error.code, message: error.message };
  return { code: fallback, message: error instanceof Error ? error.message : String(error) };
}

/** The words of anything that was thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Closes a switch over a union: the compiler refuses a missing case. */
export function assertNever(value: never): never {
  throw new Error(`unexpected value: ${JSON.stringify(value)}`);
}
