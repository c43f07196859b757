import type { Failure } from '../errors';
import type { KeptWorkspace } from '../ports/kept-workspaces';
import { secretNamesOf } from '../secrets/secret';
import type { TeamNetwork } from '../teams/network';
import { applyPreset, type AgentProgram, type Preset } from '../teams/preset';
import type { Agent, SecretRefs } from '../teams/team';
import type { TeamWorkspace } from '../teams/workspace';
import type { PromptFormat, PromptVariables, PromptWindow } from './prompt-facts';
import type { FetchedRepository, Push } from './repository';
import type { ReportedUsage, Usage } from './usage';
import type { Verification, VerifySpec } from './verification';
import type { Warning } from './warning';

/**
 * | status | meaning | how it is left |
 * | --- | --- | --- |
 * | queued | waits for a worker | a worker begins it, or a person cancels it |
 * | running | a team is being deployed, prompted, watched, its work verified, or a success is collected and torn down | its outcome |
 * | the others | terminal | never |
 */
export type RunStatus = 'queued' | 'running' | TerminalStatus;
export type TerminalStatus = OutcomeStatus | 'skipped' | 'missed';
/** How a run that began can end. */
export type OutcomeStatus = 'success' | 'failed' | 'timeout' | 'cancelled';

/** Only ever moves forward, in this order; a run that never began goes from `queued` straight to `finished`. */
export const RUN_PHASES = [
  'queued',
  'deploying',
  'prompting',
  'monitoring',
  'verifying',
  'collecting',
  'tearing_down',
  'finished',
] as const;
export type RunPhase = (typeof RUN_PHASES)[number];

export type RunTrigger = 'schedule' | 'manual' | 'catchup' | 'rerun';

export const TERMINAL_STATUSES: readonly RunStatus[] = [
  'success',
  'failed',
  'timeout',
  'cancelled',
  'skipped',
  'missed',
];

export function isTerminal(status: RunStatus): status is TerminalStatus {
  return TERMINAL_STATUSES.includes(status);
}

/** What a run started with: a copy, so that later edits of team and schedule do not touch it. */
export interface RunPlan {
  readonly teamName: string;
  readonly network: TeamNetwork;
  /** What it finds in its workspace; absent: nothing. */
  readonly workspace?: TeamWorkspace;
  readonly agents: readonly PlannedAgent[];
  /** Of a template what it was rendered to, once the run has begun. */
  readonly prompt: string;
  /** Absent: plain. */
  readonly promptFormat?: PromptFormat;
  readonly variables?: PromptVariables;
  /** Why the template could not be rendered when the run began: nothing is started. */
  readonly promptFault?: Failure;
  readonly timeoutMs: number;
  /** Whether a leader that says nothing may have succeeded; absent: no. */
  readonly allowEmpty?: boolean;
  /** Whether one that leaves tool calls open may have; absent: no. */
  readonly allowOpenToolCalls?: boolean;
  /** Values by name of the secrets that its agents name, from its beginning to its end. They are masked in all that is told. */
  readonly secrets?: SecretValues;
  /** What must hold of the finished work; absent: the leader's word is enough. */
  readonly verify?: VerifySpec;
  /** Globs of the files of the workspace that are kept when the run ends; absent: none. */
  readonly artifacts?: readonly string[];
}

export type SecretValues = Readonly<Record<string, string>>;

export type PlannedAgent = Agent &
  Partial<Omit<AgentProgram, 'image' | 'command' | 'mode' | 'env' | 'hosts'>> & {
    /** Why `env` cannot be read; it is absent then, and the agent must not be started. */
    readonly envFault?: Failure;
    /** Why it cannot be started with its preset. */
    readonly presetFault?: Failure;
  };

/** The presets that a run's agents named when it began, by name. Stored with the run, so that an upgrade changes nothing of it. */
export type RunPresets = Readonly<Record<string, Preset>>;

/** The plan of a run that has begun: its agents as their presets have them, and the hosts that these need. */
export function planWithPresets(plan: RunPlan, presets: RunPresets): RunPlan {
  const hosts = new Set(plan.network.hosts);
  const agents = plan.agents.map((agent): PlannedAgent => {
    if (agent.preset === undefined) return agent;
    const preset = presets[agent.preset];
    if (!preset) return { ...agent, presetFault: { code: 'preset_unusable', message: noPreset(agent) } };
    const { hosts: needed, ...program } = applyPreset(agent, preset);
    for (const host of needed) hosts.add(host);
    return { ...agent, ...program };
  });
  const network = plan.network.mode === 'allowlist' ? { ...plan.network, hosts: [...hosts] } : plan.network;
  return { ...plan, agents, network };
}

function noPreset({ name, preset }: Agent): string {
  return `${name}: the worker that began the run had no preset "${preset}"`;
}

/** Each name once. */
export function secretNamesOfPlan({ agents, workspace }: Pick<RunPlan, 'agents' | 'workspace'>): string[] {
  const ofWorkspace = workspace?.git?.secret;
  return [...new Set([...secretNamesOf(agents), ...(ofWorkspace === undefined ? [] : [ofWorkspace])])];
}

/** The plan of a run that has begun: its agents with the values of the secrets that they name. */
export function planWithSecrets(plan: RunPlan, secrets: SecretValues): RunPlan {
  const agents = plan.agents.map((agent): PlannedAgent => {
    const absent = secretNamesOf([agent]).filter((name) => !Object.hasOwn(secrets, name));
    if (absent.length > 0) return { ...agent, envFault: agent.envFault ?? unavailable(agent, absent) };
    const { mcpServers } = agent;
    return {
      ...agent,
      ...(agent.secrets && { env: { ...agent.env, ...valuesOf(agent.secrets, secrets) } }),
      ...(mcpServers && {
        mcpServers: mcpServers.map((server) => {
          const field = server.url === undefined ? 'env' : 'headers';
          return server.secrets
            ? { ...server, [field]: { ...server[field], ...valuesOf(server.secrets, secrets) } }
            : server;
        }),
      }),
    };
  });
  return { ...plan, agents, secrets };
}

function valuesOf(refs: SecretRefs, secrets: SecretValues): Record<string, string> {
  return Object.fromEntries(Object.entries(refs).map(([variable, name]) => [variable, secrets[name] ?? '']));
}

function unavailable({ name }: Agent, absent: readonly string[]): Failure {
  const what = absent.map((secret) => `"${secret}"`).join(', ');
  return { code: 'secret_unavailable', message: `${name}: no secret ${what} could be opened when the run began` };
}

/** How a run ends, decided before anything of it is collected or removed. */
export interface Outcome {
  readonly status: OutcomeStatus;
  /** The leader's final text; null where it gave none. */
  readonly result: string | null;
  /** Null exactly for `success`. */
  readonly error: Failure | null;
  /** Absent where none was asked for, or the run ended before it was over. */
  readonly verification?: Verification;
}

export interface NotRunReason extends Failure {
  /** `skipped`: the run that was in its way. */
  readonly runId?: string;
  /** `missed`: the first instant that no scheduler fired in time, and when this was noticed. */
  readonly from?: Date;
  readonly to?: Date;
}

/** What was removed over all attempts, and the proof that nothing is left, or who decided to do without one. */
export interface TeardownReceipt {
  /** By kind, as the runtime names them; see `ResourceCounts`. */
  readonly removed: Readonly<Record<string, number>>;
  /** When the engine last said that nothing bears the run's label. Null: not known, since the removal was given up. */
  readonly verifiedAt: Date | null;
  /** Set when the run's host was decommissioned before it could be asked. */
  readonly givenUp: { readonly at: Date; readonly by: string } | null;
}

/** Who has seen how a run ended. */
export interface Acknowledgement {
  readonly at: Date;
  /** The name of the API key. */
  readonly by: string;
  readonly note: string | null;
}

/** What the engine of Crewtab reads and moves. The API's ScheduleRun is made from this and the schedule. */
export interface Run {
  readonly id: string;
  readonly organizationId: string;
  /** Null: the run is a try of its team, without a schedule. */
  readonly scheduleId: string | null;
  readonly teamId: string;
  readonly trigger: RunTrigger;
  readonly scheduledFor: Date;
  readonly attempt: number;
  readonly status: RunStatus;
  readonly phase: RunPhase;
  readonly plan: RunPlan;
  readonly epoch: number;
  /** Of its conversation, when this was read. */
  readonly messageCount: number;
  /** The worker host that holds the run's containers; null until a worker has begun it. */
  readonly host: string | null;
  readonly startedAt: Date | null;
  /** Absolute, set once when the run begins; null before. */
  readonly deadlineAt: Date | null;
  readonly finishedAt: Date | null;
  readonly cancelRequestedAt: Date | null;
  /** Why it was cancelled: `cancelled` by a person or `replaced`; null when it was not. */
  readonly cancelCode: 'cancelled' | 'replaced' | null;
  /** What the leader answered, kept when phase becomes `verifying`; absent otherwise. */
  readonly unverifiedResult?: string;
  /** Set when phase becomes `collecting` or, where nothing is collected, `tearing_down`. */
  readonly outcome: Outcome | null;
  /** When it was; absent before, and of runs that an earlier version ended. */
  readonly concludedAt?: Date;
  /** What was kept of it; absent before, and where nothing is to be kept. */
  readonly artifacts?: { readonly count: number; readonly bytes: number };
  /** The one that its schedule keeps, from its beginning on; absent: it has one of its own. */
  readonly keptWorkspace?: KeptWorkspace;
  /** Why its workspace is not as the run before left it, though its team asks for that; absent: it is, or there was none. */
  readonly workspaceNotice?: string;
  /** Once it is in the workspace; absent before, and where the team has none. */
  readonly repository?: FetchedRepository;
  /** Of its work; absent before, and where none is asked for. */
  readonly push?: Push;
  /** Stored with the outcome. */
  readonly warnings: readonly Warning[];
  /** Why it never ran: set exactly for `skipped` and `missed`, which have no outcome. */
  readonly notRunReason: NotRunReason | null;
  /** Set once a person has seen how it ended. */
  readonly acknowledgement?: Acknowledgement;
  /** What it is about, of a run that has begun from a template; a rerun has its original's. */
  readonly window?: PromptWindow;
  readonly prompt: PromptDelivery;
  readonly deployment: Deployment | null;
  readonly teardown: TeardownProgress;
}

/** More than the leader's word is asked for before the run is a success. */
export function isVerified({ verify, workspace }: Pick<RunPlan, 'verify' | 'workspace'>): boolean {
  return verify !== undefined || workspace?.git?.push !== undefined;
}

/** A run as the API shows it. */
export interface ShownRun extends Run {
  /** Of all its agents, so far; absent: nothing is known of it. */
  readonly usage?: Usage;
}

/** Its outcome is decided: what is left is to keep its artifacts and to remove what was made for it. */
export function isConcluded(phase: RunPhase): boolean {
  return phase === 'collecting' || phase === 'tearing_down' || phase === 'finished';
}

/** A run as lists show it. */
export interface ListedRun extends ShownRun {
  /** Its result is only the beginning of it. */
  readonly isResultTruncated?: boolean;
}

/** Further than this no list is counted. */
export const RUN_COUNT_LIMIT = 1_000;

/** How much of runs is listed at a time; a page has at least one run. */
export const RUN_PAGE = {
  /** Bytes of JSON. */
  shownBytes: 4 * 1024 ** 2,
  /** A longer result is shown truncated, and so many characters of it. */
  resultBeginning: 4_096,
} as const;

/**
 * The one-shot permit of a run. `none` → `permitted` happens once in a run's life, in the database; after that the
 * only the worker that got the permit writes the prompt, and never again after it wrote a byte.
 */
export type PromptDelivery =
  | { readonly state: 'none' }
  | { readonly state: 'permitted'; readonly permittedAt: Date }
  | { readonly state: 'sent'; readonly permittedAt: Date; readonly sentAt: Date };

export interface TeardownProgress {
  /** When phase became `tearing_down`. */
  readonly begunAt: Date | null;
  readonly failedAttempts: number;
  /** The last failed attempt's words. */
  readonly error: Failure | null;
  readonly receipt: TeardownReceipt | null;
}

/** The containers, network and volume made for one run. */
export interface Deployment {
  readonly id: string;
  /** `marketing-team-run-3f9a1c`; container names derive from it. */
  readonly name: string;
  readonly agents: readonly DeployedAgent[];
}

/** What is persisted of one agent's container and dialogue, so that another worker can adopt it. */
export interface DeployedAgent {
  readonly name: string;
  /** The runtime's opaque handle (container id, process directory), null until the create call was answered. */
  readonly handle: string | null;
  /** When the runtime had started it. */
  readonly startedAt: Date | null;
  /** When it had answered the handshake. */
  readonly readyAt: Date | null;
  /** Output lines of which every message is stored. */
  readonly cursor: OutputCursor;
  /** When a message of it was last stored, by the database's clock. */
  readonly activeAt: Date | null;
  /** As far as its output is stored; absent: nothing was reported. */
  readonly usage?: ReportedUsage;
}

/** How many whole lines of each stream have been folded and stored. */
export interface OutputCursor {
  readonly stdout: number;
  readonly stderr: number;
}

export const START_OF_OUTPUT: OutputCursor = { stdout: 0, stderr: 0 };

/** Docker allows 128 for a container's name; the team's part is kept short enough for run and agent to follow. */
const LONGEST_TEAM_PART = 40;

/**
 * The name of what is made for a run: `marketing-team-run-3f9a1c`, from the team's name and the last `digits` hex digits
 * of the run's id (UUIDv7: its end is random, its beginning is the time).
 */
export function deploymentName(teamName: string, runId: string, digits: 6 | 12): string {
  const slug = teamName
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, LONGEST_TEAM_PART)
    .replace(/^-+|-+$/g, '');
  return `${slug || 'team'}${deploymentSuffix(runId, digits)}`;
}

/** The part of a deployment's name that tells its run: `-run-3f9a1c`. */
export function deploymentSuffix(runId: string, digits: 6 | 12): string {
  return `-run-${runId.replaceAll('-', '').slice(-digits)}`;
}
