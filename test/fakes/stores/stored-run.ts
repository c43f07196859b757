import { AppError } from '@crewtab/domain/errors';
import type { ResourceCounts } from '@crewtab/domain/ports/runtime';
import type { KeptArtifact } from '@crewtab/domain/runs/artifact';
import type { Message } from '@crewtab/domain/runs/message';
import type { DeployedAgent, Run, RunPlan } from '@crewtab/domain/runs/run';

/** A run as the in-memory store keeps it: what the domain sees, and what only the store knows. */
export interface StoredRun {
  run: Run;
  owner: string | null;
  leaseUntil: Date | null;
  /** Policy queue, replace or skip at its creation: no two of a schedule may be `running`. */
  readonly isExclusive: boolean;
  readonly queuedAt: Date;
  permitEpoch: number | null;
  removed: ResourceCounts;
  readonly messages: Message[];
  readonly kept: KeptArtifact[];
}

/** What a test wants to be special about a run; the rest is a queued run of a schedule of its own. */
export type RunSeed = Partial<Omit<Run, 'plan'>> & {
  readonly plan?: Partial<RunPlan>;
  readonly isExclusive?: boolean;
};

const DEFAULT_PLAN: RunPlan = {
  teamName: 'Marketing Team',
  network: { mode: 'none', hosts: [] },
  agents: [
    { name: 'lead', role: 'leader', protocol: 'acp', image: 'agent:test', command: ['agent'] },
    { name: 'writer', role: 'worker', protocol: 'acp', image: 'agent:test', command: ['agent'] },
  ],
  prompt: 'Write a report.',
  timeoutMs: 3_600_000,
};

export function seedRun(seed: RunSeed, ordinal: number, now: Date): StoredRun {
  const { plan, isExclusive = false, ...special } = seed;
  const run: Run = {
    id: fakeUuid(ordinal, 1),
    organizationId: fakeUuid(1, 2),
    scheduleId: fakeUuid(ordinal, 3),
    teamId: fakeUuid(1, 4),
    trigger: 'schedule',
    scheduledFor: now,
    attempt: 1,
    status: 'queued',
    phase: 'queued',
    plan: { ...DEFAULT_PLAN, ...plan },
    epoch: 0,
    messageCount: 0,
    host: null,
    startedAt: null,
    deadlineAt: null,
    finishedAt: null,
    cancelRequestedAt: null,
    cancelCode: null,
    outcome: null,
    warnings: [],
    notRunReason: null,
    prompt: { state: 'none' },
    deployment: null,
    teardown: { begunAt: null, failedAttempts: 0, error: null, receipt: null },
    ...special,
  };
  return {
    run,
    owner: null,
    leaseUntil: null,
    isExclusive,
    queuedAt: now,
    permitEpoch: null,
    removed: {},
    messages: [],
    kept: [],
  };
}

/** Looks like a UUIDv7 and sorts by `ordinal`; `kind` keeps ids of different kinds apart. */
export function fakeUuid(ordinal: number, kind: number): string {
  return `00000000-0000-7000-800${kind}-${ordinal.toString(16).padStart(12, '0')}`;
}

export function addCounts(a: ResourceCounts, b: ResourceCounts): ResourceCounts {
  const kinds = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return Object.fromEntries(kinds.map((kind) => [kind, (a[kind] ?? 0) + (b[kind] ?? 0)]));
}

/** Ends the claim. */
export function release(stored: StoredRun): void {
  stored.owner = null;
  stored.leaseUntil = null;
}

/** @throws AppError `not_found` */
export function agentOf(run: Run, name: string): DeployedAgent {
  const agent = run.deployment?.agents.find((candidate) => candidate.name === name);
  if (!agent) throw new AppError('not_found', `run ${run.id} has no deployed agent "${name}"`);
  return agent;
}

/** By due instant, then by id. */
export function byAge(a: StoredRun, b: StoredRun): number {
  return a.run.scheduledFor.getTime() - b.run.scheduledFor.getTime() || (a.run.id < b.run.id ? -1 : 1);
}
