import { AppError, ClaimLostError, type ErrorCode, type Failure } from '@crewtab/domain/errors';
import type { Claim } from '@crewtab/domain/ports/run-store';
import {
  isConcluded,
  isTerminal,
  planWithPresets,
  planWithSecrets,
  RUN_PAGE,
  type DeployedAgent,
  type Deployment,
  type NotRunReason,
  type Outcome,
  type PlannedAgent,
  type PromptDelivery,
  type Run,
  type RunPlan,
  type RunPhase,
  type RunPresets,
  type RunStatus,
  type RunTrigger,
  type SecretValues,
  type ShownRun,
  type TeardownReceipt,
} from '@crewtab/domain/runs/run';
import type { PromptFormat, PromptVariables, PromptWindow } from '@crewtab/domain/runs/prompt-facts';
import type { FetchedRepository, Push } from '@crewtab/domain/runs/repository';
import type { ReportedUsage, Usage } from '@crewtab/domain/runs/usage';
import type { Verification, VerifySpec } from '@crewtab/domain/runs/verification';
import type { Warning } from '@crewtab/domain/runs/warning';
import type { ResourceCounts } from '@crewtab/domain/ports/runtime';
import type { NetworkMode, TeamNetwork } from '@crewtab/domain/teams/network';
import type { Agent } from '@crewtab/domain/teams/team';
import type { TeamWorkspace } from '@crewtab/domain/teams/workspace';
import type { Database, Statement } from '../database/database';
import type { RunChanges } from '../events/run-events';
import { openEnv, openMcpServers, secretPlace, type AgentOwner, type SecretBox } from '../database/secret-box';

/** What the statements on runs need. */
export interface RunContext {
  readonly db: Database;
  readonly box: SecretBox;
  readonly changes: RunChanges;
}

/** A row of `schedule_runs` with its permit and its deployment, as `selectRun` reads it. */
export interface RunRow {
  readonly id: string;
  readonly organization_id: string;
  readonly schedule_id: string | null;
  readonly team_id: string;
  readonly trigger: RunTrigger;
  readonly scheduled_for: Date;
  readonly attempt: number;
  readonly status: RunStatus;
  readonly phase: RunPhase;
  readonly team_name: string;
  readonly network: StoredNetwork;
  readonly network_hosts: readonly string[];
  readonly workspace: TeamWorkspace | null;
  readonly prompt: string;
  readonly prompt_format: PromptFormat;
  readonly variables: PromptVariables;
  /** What the template became when the run began. */
  readonly rendered_prompt: string | null;
  readonly window_start: Date | null;
  readonly window_end: Date | null;
  /** int8, which pg hands over as text. */
  readonly timeout_ms: string;
  readonly allow_empty: boolean;
  readonly allow_open_tool_calls: boolean;
  readonly verify: VerifySpec | null;
  readonly artifacts: readonly string[] | null;
  readonly agents: readonly StoredAgent[];
  /** Null before it has begun, and of runs that an earlier version began. */
  readonly presets: RunPresets | null;
  /** Sealed values by name, of a run that has begun and is not finished. */
  readonly secrets: Readonly<Record<string, string>> | null;
  readonly epoch: number;
  readonly last_seq: number;
  readonly host: string | null;
  readonly started_at: Date | null;
  readonly deadline_at: Date | null;
  readonly finished_at: Date | null;
  readonly cancel_requested_at: Date | null;
  readonly cancel_code: 'cancelled' | 'replaced' | null;
  readonly result: string | null;
  readonly error_code: ErrorCode | null;
  readonly error_message: string | null;
  readonly concluded_at: Date | null;
  readonly verification: Verification | null;
  readonly repository: FetchedRepository | null;
  readonly push: Push | null;
  readonly workspace_generation: number | null;
  readonly workspace_notice: string | null;
  readonly artifact_count: number | null;
  /** int8, which pg hands over as text. */
  readonly artifact_bytes: string | null;
  readonly warnings: readonly Warning[];
  readonly blocked_by: string | null;
  readonly gap_from: Date | null;
  readonly gap_to: Date | null;
  readonly teardown_begun_at: Date | null;
  readonly teardown_failed_attempts: number;
  readonly teardown_error_code: ErrorCode | null;
  readonly teardown_error_message: string | null;
  readonly removed_containers: number;
  readonly removed_networks: number;
  readonly removed_volumes: number;
  readonly removed_other: ResourceCounts;
  readonly teardown_verified_at: Date | null;
  readonly teardown_given_up_at: Date | null;
  readonly teardown_given_up_by: string | null;
  readonly acknowledged_at: Date | null;
  readonly acknowledged_by: string | null;
  readonly acknowledgement_note: string | null;
  readonly permit_epoch: number | null;
  readonly permitted_at: Date | null;
  readonly sent_at: Date | null;
  readonly deployment_id: string | null;
  readonly deployment_name: string | null;
  readonly deployed_agents: readonly DeployedAgentJson[] | null;
}

interface DeployedAgentJson {
  readonly name: string;
  readonly handle: string | null;
  readonly startedAt: string | null;
  readonly readyAt: string | null;
  readonly stdout: number;
  readonly stderr: number;
  readonly activeAt: string | null;
  readonly usage: ReportedUsage | null;
}

/**
 * Reads whole runs from a table or a CTE. A CTE that changes one of these in the same statement must be named, since
 * the tables themselves show the state before the statement.
 */
export function selectRun(
  from: { run: string; permits?: string; deployments?: string; agents?: string },
  columns = 'r.*',
): string {
  const { run, permits = 'prompt_permits', deployments = 'deployments', agents = 'deployment_agents' } = from;
  return `
    SELECT ${columns}, p.epoch AS permit_epoch, p.permitted_at, p.sent_at, d.id AS deployment_id, d.name AS deployment_name,
      (SELECT json_agg(json_build_object('name', a.name, 'handle', a.handle, 'startedAt', a.started_at, 'readyAt', a.ready_at,
          'stdout', a.stdout_lines, 'stderr', a.stderr_lines, 'activeAt', a.active_at, 'usage', a.usage) ORDER BY a.position)
        FROM ${agents} a WHERE a.run_id = r.id) AS deployed_agents
    FROM ${run} r
    LEFT JOIN ${permits} p ON p.run_id = r.id
    LEFT JOIN ${deployments} d ON d.run_id = r.id`;
}

type JoinedColumn =
  'permit_epoch' | 'permitted_at' | 'sent_at' | 'deployment_id' | 'deployment_name' | 'deployed_agents';

/** Of `schedule_runs`; typed so that none can be forgotten. */
const COLUMNS: Readonly<Record<Exclude<keyof RunRow, JoinedColumn>, true>> = {
  id: true,
  organization_id: true,
  schedule_id: true,
  team_id: true,
  trigger: true,
  scheduled_for: true,
  attempt: true,
  status: true,
  phase: true,
  team_name: true,
  network: true,
  network_hosts: true,
  workspace: true,
  prompt: true,
  prompt_format: true,
  variables: true,
  rendered_prompt: true,
  window_start: true,
  window_end: true,
  timeout_ms: true,
  allow_empty: true,
  allow_open_tool_calls: true,
  verify: true,
  artifacts: true,
  agents: true,
  presets: true,
  secrets: true,
  epoch: true,
  last_seq: true,
  host: true,
  started_at: true,
  deadline_at: true,
  finished_at: true,
  cancel_requested_at: true,
  cancel_code: true,
  result: true,
  error_code: true,
  error_message: true,
  concluded_at: true,
  verification: true,
  repository: true,
  push: true,
  workspace_generation: true,
  workspace_notice: true,
  artifact_count: true,
  artifact_bytes: true,
  warnings: true,
  blocked_by: true,
  gap_from: true,
  gap_to: true,
  teardown_begun_at: true,
  teardown_failed_attempts: true,
  teardown_error_code: true,
  teardown_error_message: true,
  removed_containers: true,
  removed_networks: true,
  removed_volumes: true,
  removed_other: true,
  teardown_verified_at: true,
  teardown_given_up_at: true,
  teardown_given_up_by: true,
  acknowledged_at: true,
  acknowledged_by: true,
  acknowledgement_note: true,
};

/** A long text is not unpacked to be counted: no character has more than four bytes. */
const IS_RESULT_LONG = `CASE WHEN octet_length(r.result) > ${4 * RUN_PAGE.resultBeginning} THEN true
    ELSE char_length(r.result) > ${RUN_PAGE.resultBeginning} END`;

/** What its agents have reported: only the API asks for it. */
const USAGE = 'crewtab_usage_of_run(r.id) AS usage';

export const SHOWN_COLUMNS = `r.*, ${USAGE}`;

export interface ShownRow extends RunRow {
  readonly usage: Usage | null;
}

/** Who reads a list starts no agents. */
const LISTED_AS: Readonly<Record<string, string>> = {
  result: `left(r.result, ${RUN_PAGE.resultBeginning}) AS result`,
  secrets: 'NULL::jsonb AS secrets',
  workspace: 'NULL::jsonb AS workspace',
};

/** For lists: of the result its beginning. */
export const LISTED_COLUMNS = [
  ...Object.keys(COLUMNS).map((column) => LISTED_AS[column] ?? `r.${column}`),
  `${IS_RESULT_LONG} AS is_result_truncated`,
  USAGE,
].join(', ');

/** Version 0.1 had the host's shared bridge (`egress`) or one of the run's own (`team`): nothing was blocked. */
export type StoredNetwork = NetworkMode | 'egress' | 'team';

export function networkOf(stored: StoredNetwork, hosts: readonly string[]): TeamNetwork {
  if (stored === 'team') return { mode: 'open', hosts, hasOwnBridge: true };
  return { mode: stored === 'egress' ? 'open' : stored, hosts };
}

/** @param box null: the reader starts no agents, and gets them without their environments */
export function toRun(row: RunRow, box: SecretBox | null): Run {
  return {
    id: row.id,
    organizationId: row.organization_id,
    scheduleId: row.schedule_id,
    teamId: row.team_id,
    trigger: row.trigger,
    scheduledFor: row.scheduled_for,
    attempt: row.attempt,
    status: row.status,
    phase: row.phase,
    plan: planOf(row, box),
    epoch: row.epoch,
    messageCount: row.last_seq,
    host: row.host,
    startedAt: row.started_at,
    deadlineAt: row.deadline_at,
    finishedAt: row.finished_at,
    cancelRequestedAt: row.cancel_requested_at,
    cancelCode: row.cancel_code,
    ...(row.phase === 'verifying' && row.result !== null && { unverifiedResult: row.result }),
    outcome: outcomeOf(row),
    ...(row.concluded_at && { concludedAt: row.concluded_at }),
    ...(row.artifact_count !== null && {
      artifacts: { count: row.artifact_count, bytes: Number(row.artifact_bytes) },
    }),
    ...(row.workspace_generation !== null &&
      row.schedule_id !== null && {
        keptWorkspace: { scheduleId: row.schedule_id, generation: row.workspace_generation },
      }),
    ...(row.workspace_notice !== null && { workspaceNotice: row.workspace_notice }),
    ...(row.repository && { repository: row.repository }),
    ...(row.push && { push: row.push }),
    warnings: row.warnings,
    notRunReason: notRunReasonOf(row),
    ...acknowledgementOf(row),
    ...windowOf(row),
    prompt: promptOf(row),
    deployment: deploymentOf(row),
    teardown: {
      begunAt: row.teardown_begun_at,
      failedAttempts: row.teardown_failed_attempts,
      error: failureOf(row.teardown_error_code, row.teardown_error_message),
      receipt: receiptOf(row),
    },
  };
}

/** For readers that start no agents. */
export function toShownRun(row: ShownRow): ShownRun {
  return { ...toRun(row, null), ...(row.usage && { usage: row.usage }) };
}

function planOf(row: RunRow, box: SecretBox | null): RunPlan {
  const plan: RunPlan = {
    teamName: row.team_name,
    network: networkOf(row.network, row.network_hosts),
    ...(row.workspace && { workspace: row.workspace }),
    agents: agentsOf(row, box),
    prompt: row.rendered_prompt ?? row.prompt,
    promptFormat: row.prompt_format,
    ...(Object.keys(row.variables).length > 0 && { variables: row.variables }),
    ...(isUnrendered(row) && { promptFault: UNRENDERED }),
    timeoutMs: Number(row.timeout_ms),
    allowEmpty: row.allow_empty,
    allowOpenToolCalls: row.allow_open_tool_calls,
    ...(row.verify && { verify: row.verify }),
    ...(row.artifacts && { artifacts: row.artifacts }),
  };
  if (box === null || row.phase === 'queued') return plan;
  // Presets may read the environment, which only who starts the agents has.
  const withSecrets = planWithSecrets(plan, openSecrets(row, box));
  return row.presets === null ? withSecrets : planWithPresets(withSecrets, row.presets);
}

/** The worker that began the run knows more of it. */
const UNRENDERED: Failure = { code: 'template_failed', message: 'the prompt could not be rendered when the run began' };

function isUnrendered({ phase, prompt_format: format, rendered_prompt: rendered, window_end: end }: RunRow): boolean {
  return phase !== 'queued' && format === 'template' && rendered === null && end !== null;
}

function windowOf({ phase, window_start: start, window_end: end }: RunRow): { readonly window?: PromptWindow } {
  return phase !== 'queued' && start && end ? { window: { start, end } } : {};
}

/** One that cannot be opened is as good as none. */
function openSecrets({ organization_id: organizationId, secrets }: RunRow, box: SecretBox): SecretValues {
  const entries = Object.entries(secrets ?? {}).flatMap(([name, sealed]): [string, string][] => {
    try {
      return [[name, box.open(sealed, secretPlace(organizationId, name))]];
    } catch (error) {
      if (error instanceof AppError) return [];
      throw error;
    }
  });
  return Object.fromEntries(entries);
}

function agentsOf({ organization_id: organizationId, team_id: teamId, agents }: RunRow, box: SecretBox | null) {
  if (box) return agents.map((agent) => openAgent(box, { organizationId, teamId }, agent));
  return agents.map(({ sealedEnv: _, sealedMcpServers: __, ...agent }) => agent);
}

const LOAD: Statement = {
  name: 'run_load',
  text: `${selectRun({ run: 'schedule_runs' })} WHERE r.id = $1 AND r.epoch = $2`,
};

export async function loadClaimed({ db, box }: RunContext, claim: Claim): Promise<Run> {
  const [row] = await db.query<RunRow>(LOAD, [claim.runId, claim.epoch]);
  if (!row) throw new ClaimLostError(claim.runId);
  return toRun(row, box);
}

function receiptOf(row: RunRow): TeardownReceipt | null {
  const { teardown_verified_at: verifiedAt, teardown_given_up_at: givenUpAt, teardown_given_up_by: by } = row;
  if (!verifiedAt && !givenUpAt) return null;
  const {
    removed_containers: container,
    removed_networks: network,
    removed_volumes: volume,
    removed_other: other,
  } = row;
  const counts = Object.entries({ container, network, volume, ...other }).filter(([, count]) => count > 0);
  const givenUp = givenUpAt && { at: givenUpAt, by: by ?? '' };
  return { removed: Object.fromEntries(counts), verifiedAt, givenUp };
}

/**
 * Assignments that add counts to the row `r`. Three kinds have a column, which an older scheduler reads too; the others
 * are summed up in `removed_other`.
 * @param counts SQL of a JSON object: a number by kind
 */
export function addRemoved(counts: string): string {
  const count = (kind: string): string => `COALESCE((${counts} ->> '${kind}')::int, 0)`;
  return `removed_containers = r.removed_containers + ${count('container')},
        removed_networks = r.removed_networks + ${count('network')}, removed_volumes = r.removed_volumes + ${count('volume')},
        removed_other = add_counts(r.removed_other, ${counts} - ARRAY['container', 'network', 'volume'])`;
}

function notRunReasonOf(row: RunRow): NotRunReason | null {
  if (row.status !== 'skipped' && row.status !== 'missed') return null;
  const failure = failureOf(row.error_code, row.error_message);
  const { blocked_by: runId, gap_from: from, gap_to: to } = row;
  return failure && { ...failure, ...(runId !== null && { runId }), ...(from && to && { from, to }) };
}

function acknowledgementOf(row: RunRow): Pick<Run, 'acknowledgement'> {
  const { acknowledged_at: at, acknowledged_by: by, acknowledgement_note: note } = row;
  return at && by !== null ? { acknowledgement: { at, by, note } } : {};
}

export function outcomeOf(
  row: Pick<RunRow, 'status' | 'phase' | 'result' | 'error_code' | 'error_message' | 'verification'>,
): Outcome | null {
  const { status, result } = row;
  const verified = row.verification ? { verification: row.verification } : {};
  if (isTerminal(status)) {
    if (status === 'skipped' || status === 'missed') return null;
    return { status, result, error: failureOf(row.error_code, row.error_message), ...verified };
  }
  // Only a success waits for its teardown; every other outcome is the status at once.
  return isConcluded(row.phase) ? { status: 'success', result, error: null, ...verified } : null;
}

function promptOf({ permitted_at: permittedAt, sent_at: sentAt }: RunRow): PromptDelivery {
  if (!permittedAt) return { state: 'none' };
  return sentAt ? { state: 'sent', permittedAt, sentAt } : { state: 'permitted', permittedAt };
}

function deploymentOf(row: RunRow): Deployment | null {
  if (row.deployment_id === null || row.deployment_name === null) return null;
  return { id: row.deployment_id, name: row.deployment_name, agents: (row.deployed_agents ?? []).map(toDeployedAgent) };
}

function toDeployedAgent({ name, handle, stdout, stderr, usage, ...at }: DeployedAgentJson): DeployedAgent {
  const { startedAt, readyAt, activeAt } = at;
  const dates = { startedAt: dateOf(startedAt), readyAt: dateOf(readyAt), activeAt: dateOf(activeAt) };
  return { name, handle, cursor: { stdout, stderr }, ...dates, ...(usage && { usage }) };
}

function dateOf(text: string | null): Date | null {
  return text === null ? null : new Date(text);
}

function failureOf(code: ErrorCode | null, message: string | null): Failure | null {
  return code === null ? null : { code, message: message ?? '' };
}

/** What a run takes over from its schedule beside the prompt, the timeout and the overlap policy. */
const PLANNED_COLUMNS = ['allow_empty', 'allow_open_tool_calls', 'prompt_format', 'variables', 'verify', 'artifacts'];
export const PLANNED = PLANNED_COLUMNS.join(', ');

/** @param from the alias of the schedule, or of the run, that is copied */
export function plannedOf(from: string): string {
  return PLANNED_COLUMNS.map((column) => `${from}.${column}`).join(', ');
}

/** An agent as it stands in a run's plan: what may hold secrets is sealed, everything else is readable. */
export type StoredAgent = Omit<Agent, 'env' | 'mcpServers'> & {
  readonly sealedEnv?: string;
  readonly sealedMcpServers?: string;
};

/** For a run: what cannot be opened must not keep the rest of it from being read. */
export function openAgent(
  box: SecretBox,
  owner: AgentOwner,
  { sealedEnv, sealedMcpServers, ...agent }: StoredAgent,
): PlannedAgent {
  try {
    return {
      ...agent,
      ...(sealedEnv !== undefined && { env: openEnv(box, owner, agent.name, sealedEnv) }),
      ...(sealedMcpServers !== undefined && {
        mcpServers: openMcpServers(box, owner, agent.name, sealedMcpServers),
      }),
    };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { ...agent, envFault: { code: 'environment_unreadable', message: `${agent.name}: ${error.message}` } };
  }
}

/**
 * The agents of team `t` as `StoredAgent`s, for a statement that makes a run: the plan is copied inside the database, the
 * sealed environments as they are.
 */
export const TEAM_AGENTS_JSON = `(
  SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
      'name', a.name, 'role', a.role, 'protocol', a.protocol, 'preset', a.preset, 'model', a.model, 'image', a.image,
      'command', a.command, 'sealedEnv', a.sealed_env, 'sealedMcpServers', a.sealed_mcp_servers,
      'instructions', a.instructions, 'mode', a.mode, 'permissions', a.permissions, 'resources', a.resources))
      || COALESCE(a.conduct, '{}') ORDER BY a.position)
  FROM agents a WHERE a.team_id = t.id)`;
