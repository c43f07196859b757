import type { AgentProtocol } from '@crewtab/domain/ports/agent-protocol';
import type { ArtifactStore } from '@crewtab/domain/ports/artifact-store';
import type { Clock } from '@crewtab/domain/ports/clock';
import type { DelegationStore } from '@crewtab/domain/ports/delegation-store';
import type { EgressProxy } from '@crewtab/domain/ports/egress-proxy';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { PromptRenderer } from '@crewtab/domain/ports/prompt-renderer';
import type { ResultChecker } from '@crewtab/domain/ports/result-checker';
import type { RunQueue } from '@crewtab/domain/ports/run-queue';
import type { RunStore } from '@crewtab/domain/ports/run-store';
import type { Runtime } from '@crewtab/domain/ports/runtime';
import type { ToolServer } from '@crewtab/domain/ports/tool-server';
import type { RunPolicy } from '@crewtab/domain/runs/decide';
import { LONGEST_LINE_BYTES } from '@crewtab/domain/runs/output-limits';
import { NO_POLICY, type AgentPolicy } from '@crewtab/domain/teams/agent-policy';
import type { Preset } from '@crewtab/domain/teams/preset';
import type { AgentProtocolName } from '@crewtab/domain/teams/team';
import type { OneAtATime } from '../timing';
import type { ArtifactLimits } from './collect-artifacts';

/** What driving runs stands on. */
export interface OrchestratorDeps {
  readonly store: RunStore;
  readonly runtime: Runtime;
  /** By name: what a run that begins now keeps. */
  readonly presets: ReadonlyMap<string, Preset>;
  readonly protocols: Readonly<Record<AgentProtocolName, AgentProtocol>>;
  readonly prompts: PromptRenderer;
  readonly queue: RunQueue;
  readonly delegations: DelegationStore;
  /** Null: leaders get no team tools. */
  readonly toolServer: ToolServer | null;
  /** Of all runs that this worker holds: what a large line costs, it costs once at a time. */
  readonly largeLines: OneAtATime;
  /** Null: agents that may reach listed hosts reach none. */
  readonly egressProxy: EgressProxy | null;
  readonly resultChecker: ResultChecker;
  /** Null: nothing that runs leave is kept. */
  readonly artifacts: ArtifactStore | null;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly options: OrchestratorOptions;
}

export interface OrchestratorOptions extends RunPolicy {
  /** What agents may ask for. */
  readonly agentPolicy: AgentPolicy;
  /** From an agent's start to its answered handshake, ms. */
  readonly handshakeTimeoutMs: number;
  /** After adopting a run whose prompt was permitted but not confirmed: how long to look for proof of delivery, ms. */
  readonly evidenceMs: number;
  /** How long a call of a team's tool may take before it answers with a handle, ms: less than agents' programs wait for a tool. */
  readonly teamAnswerMs: number;
  /** Characters of output that one agent may write in a run. */
  readonly outputLimit: number;
  /** Of one line of output, bytes. */
  readonly longestLineBytes: number;
  /** That a run may have. */
  readonly messageLimit: number;
  /** For the command of a verification, ms. */
  readonly verifyTimeoutMs: number;
  /** Of what that command writes, bytes. */
  readonly verifyOutputLimit: number;
  /** Of the helper that fetches repositories. */
  readonly gitImage: string;
  readonly artifactLimits: ArtifactLimits;
  /** A step that has not come back after so long is abandoned, and the run taken up anew, ms. Every call has a shorter limit. */
  readonly stepLimitMs: number;
  /** Between failed attempts of a teardown: first and longest delay, ms. */
  readonly teardownBackoffMs: { readonly first: number; readonly cap: number };
}

export const DEFAULT_ENGINE_OPTIONS: OrchestratorOptions = {
  stopGraceMs: 5_000,
  teardownLimitMs: 60_000,
  agentPolicy: NO_POLICY,
  handshakeTimeoutMs: 60_000,
  evidenceMs: 5_000,
  teamAnswerMs: 240_000,
  outputLimit: 100 * 1024 * 1024,
  longestLineBytes: LONGEST_LINE_BYTES,
  messageLimit: 200_000,
  collectLimitMs: 60_000,
  verifyTimeoutMs: 600_000,
  verifyOutputLimit: 10 * 1024 * 1024,
  gitImage: 'crewtab/git',
  artifactLimits: { fileBytes: 100 * 1024 ** 2, bytes: 500 * 1024 ** 2, count: 1_000 },
  stepLimitMs: 180_000,
  teardownBackoffMs: { first: 500, cap: 30_000 },
};
