/**
 * The evidence of a chaos run, as the checker reads it. Instants are milliseconds since the epoch by the clock of the
 * machine that Postgres runs on, ids are text. Nothing here comes from the live system.
 */
export interface Evidence {
  readonly prompts: readonly PromptRecord[];
  readonly engineEvents: readonly EngineEvent[];
  readonly faults: readonly Fault[];
  /** In the order of `at`. */
  readonly requests: readonly ApiRequest[];
  readonly healed: Healed;
  readonly engineLeft: readonly EngineObject[];
  readonly tables: Tables;
}

/** One prompt or delegated task as an agent received it, written by the agent itself outside of the system. */
export interface PromptRecord {
  readonly at: number;
  /** The turn's id on the wire (`prompt:<run>` or `delegate:<call>`); null for agents that speak no ids. */
  readonly requestId: string | null;
  readonly runId: string | null;
  readonly agent: string | null;
  /** In a container: how its id begins. */
  readonly hostname: string | null;
  readonly text: string;
}

/** One line of `docker events`. */
export interface EngineEvent {
  readonly at: number;
  readonly kind: string;
  readonly action: string;
  /** Containers and networks: the id; volumes: the name. */
  readonly id: string;
  readonly name: string | null;
  /** Labels (containers) and the engine's own attributes. */
  readonly attributes: Readonly<Record<string, string>>;
}

export interface Fault {
  readonly at: number;
  /** Equal to `at` for faults without duration. */
  readonly endedAt: number;
  readonly kind: string;
  readonly target: string;
  readonly detail: string;
}

export interface ApiRequest {
  readonly at: number;
  /** Null: no answer came; it may have taken effect all the same. */
  readonly answeredAt: number | null;
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly idempotencyKey: string | null;
  readonly status: number | null;
  readonly answer?: unknown;
}

export interface Healed {
  readonly startedAt: number;
  readonly healedAt: number;
  readonly convergedAt: number | null;
  readonly seed: string;
  readonly minutes: number;
  readonly installationId: string;
  readonly foreignResources: readonly { readonly kind: string; readonly name: string; readonly id: string }[];
  readonly hosts: readonly unknown[];
  /** Those that ran when all was whole again. Without an id: it had shown no heartbeat by then. */
  readonly workers: readonly { readonly name: string; readonly id: string | null }[];
}

/** A container, network or volume that stands after convergence. */
export interface EngineObject {
  readonly kind: string;
  readonly name: string;
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface Tables {
  readonly schedules: readonly ScheduleRow[];
  readonly runs: readonly RunRow[];
  readonly deployments: readonly DeploymentRow[];
  readonly messages: readonly MessageRow[];
  readonly permits: readonly PermitRow[];
  readonly delegations: readonly DelegationRow[];
  /** Every state that a run was ever in, in order; null where the harness kept no trail. */
  readonly runTrail: readonly RunState[] | null;
  /** The product's own log, in the order in which it was written; null where the evidence is older than it. */
  readonly runEvents: readonly RunEventRow[] | null;
}

export interface RunEventRow {
  readonly runId: string;
  readonly type: string;
  /** Moves: `status (phase)`; null before the run was made. */
  readonly from: string | null;
  readonly to: string | null;
  /** Adoptions: `owner -> owner (epoch n)`. */
  readonly adoption: string | null;
  readonly position: number | null;
}

/** Written by a trigger of the harness, in the transaction that changed the run. */
export interface RunState {
  readonly at: number;
  readonly runId: string;
  readonly status: string;
  readonly phase: string;
  readonly epoch: number;
  readonly owner: string | null;
}

export interface ScheduleRow {
  readonly id: string;
  readonly name: string;
  readonly cron: string;
  readonly timezone: string;
  readonly enabled: boolean;
  readonly createdAt: number;
  readonly deletedAt: number | null;
}

export interface RunRow {
  readonly id: string;
  readonly scheduleId: string;
  readonly trigger: string;
  readonly scheduledFor: number;
  readonly requestKey: string | null;
  readonly status: string;
  readonly phase: string;
  readonly queuedAt: number;
  readonly prompt: string;
  readonly exclusive: boolean;
  readonly epoch: number;
  readonly owner: string | null;
  readonly agents: readonly PlannedAgent[];
  readonly startedAt: number | null;
  readonly deadlineAt: number | null;
  readonly finishedAt: number | null;
  readonly cancelRequestedAt: number | null;
  readonly result: string | null;
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
  readonly lastSeq: number;
}

export interface PlannedAgent {
  readonly name: string;
  readonly role: string;
  readonly protocol: string;
}

export interface DeploymentRow {
  readonly runId: string;
  readonly name: string;
}

export interface MessageRow {
  readonly runId: string;
  readonly seq: number;
  readonly agent: string | null;
  readonly kind: string;
  /** The text of text messages, null for others. */
  readonly text: string | null;
}

export interface PermitRow {
  readonly runId: string;
  readonly epoch: number;
  readonly sentAt: number | null;
}

export interface DelegationRow {
  readonly runId: string;
  readonly id: string;
  readonly permitEpoch: number | null;
}
