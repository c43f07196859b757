import type { DeploymentAnswer, MessageView, NeighbourView, RunView, UsedView } from '@crewtab/api-contract/run-routes';
import type { RunTimelineAnswer } from '@crewtab/api-contract/timeline-routes';
import { formatDuration } from '@crewtab/domain/durations';
import type { Failure } from '@crewtab/domain/errors';
import type { DeploymentView, RunFilter, RunNeighbour } from '@crewtab/domain/ports/management-store';
import type { JoinedMessage } from '@crewtab/domain/runs/joined-conversation';
import type { ListedMessage } from '@crewtab/domain/runs/message';
import type { ListedRun, Run, TeardownReceipt } from '@crewtab/domain/runs/run';
import type { RunTimeline } from '@crewtab/domain/runs/run-timeline';
import type { Usage } from '@crewtab/domain/runs/usage';
import type { Warning } from '@crewtab/domain/runs/warning';

export function toRunView(run: ListedRun): RunView {
  return {
    id: run.id,
    scheduleId: run.scheduleId,
    teamId: run.teamId,
    teamName: run.plan.teamName,
    trigger: run.trigger,
    scheduledFor: run.scheduledFor.toISOString(),
    status: run.status,
    phase: run.phase,
    attempt: run.attempt,
    prompt: run.plan.prompt,
    window: run.window ? { start: run.window.start.toISOString(), end: run.window.end.toISOString() } : null,
    timeout: formatDuration(run.plan.timeoutMs),
    timeoutSeconds: run.plan.timeoutMs / 1_000,
    result: run.outcome?.result ?? null,
    ...(run.isResultTruncated && { resultTruncated: true }),
    error: errorOf(run),
    verification: verificationOf(run),
    push: run.push ?? null,
    artifacts: run.artifacts ?? null,
    startedAt: run.startedAt?.toISOString() ?? null,
    deadlineAt: run.deadlineAt?.toISOString() ?? null,
    finishedAt: run.finishedAt?.toISOString() ?? null,
    cancelRequestedAt: run.cancelRequestedAt?.toISOString() ?? null,
    teamDeploymentId: run.deployment?.id ?? null,
    usage: run.usage ? toUsedView(run.usage) : null,
    warnings: warningsOf(run),
    ...(run.acknowledgement && {
      acknowledgement: { ...run.acknowledgement, at: run.acknowledgement.at.toISOString() },
    }),
    ...teardownOf(run),
  };
}

export function toMessageView(message: ListedMessage & Partial<JoinedMessage>): MessageView {
  const { messageId, toolCallId, session, turn } = message.origin ?? {};
  return {
    seq: message.seq,
    at: message.at.toISOString(),
    agent: message.agent,
    kind: message.kind,
    content: message.content,
    ...(messageId !== undefined && { messageId }),
    ...(toolCallId !== undefined && { toolCallId }),
    ...(session !== undefined && { session }),
    ...(turn !== undefined && { turn }),
    ...(message.pieces !== undefined && { pieces: message.pieces, lastSeq: message.lastSeq }),
    ...(message.endedAt && { endedAt: message.endedAt.toISOString() }),
    ...(message.isTruncated && { truncated: true }),
  };
}

export function toNeighbourView(run: RunNeighbour | null): NeighbourView | null {
  return run && { id: run.id, status: run.status, scheduledFor: run.scheduledFor.toISOString() };
}

/** The containers that were made for a run. */
export function toDeploymentView(deployment: DeploymentView): DeploymentAnswer {
  return {
    id: deployment.id,
    runId: deployment.runId,
    teamId: deployment.teamId,
    name: deployment.name,
    host: deployment.host,
    runtime: deployment.runtime,
    createdAt: deployment.createdAt.toISOString(),
    removedAt: deployment.removedAt?.toISOString() ?? null,
    agents: deployment.agents.map((agent) => ({
      name: agent.name,
      role: agent.role,
      protocol: agent.protocol,
      image: agent.image,
      container: agent.container,
      handle: agent.handle,
      startedAt: agent.startedAt?.toISOString() ?? null,
      readyAt: agent.readyAt?.toISOString() ?? null,
      usage: agent.usage ? toUsedView(agent.usage) : null,
    })),
  };
}

export function toUsedView({ inputTokens, outputTokens, cost, incomplete }: Usage): UsedView {
  return {
    inputTokens,
    outputTokens,
    cost: cost && { amount: cost.amount, currency: cost.currency },
    incomplete: [...incomplete],
  };
}

const NETWORK_OPEN: Warning = {
  code: 'network_open',
  message: "The network of this run's agents is open: they reach whatever their host reaches, and nothing is blocked.",
};

function freshWorkspace(why: string): Warning {
  return { code: 'workspace_fresh', message: `The workspace was empty when the run began: ${why}.` };
}

function warningsOf({ plan, status, warnings, workspaceNotice }: Run): RunView['warnings'] {
  const isNotRun = status === 'skipped' || status === 'missed';
  const isOpen = plan.network.mode === 'open' && !isNotRun;
  const fresh: Warning[] = workspaceNotice === undefined ? [] : [freshWorkspace(workspaceNotice)];
  return [...(isOpen ? [NETWORK_OPEN] : []), ...fresh, ...warnings.map(({ code, message }) => ({ code, message }))];
}

function verificationOf({ outcome }: Run): RunView['verification'] {
  if (!outcome?.verification) return null;
  const { status, checks } = outcome.verification;
  return { status, checks: [...checks] };
}

function errorOf(run: Run): RunView['error'] {
  const failure = run.outcome?.error ?? run.notRunReason;
  return failure && plain(failure);
}

function teardownOf(run: Run): Pick<RunView, 'teardown' | 'teardownFailure'> {
  const { receipt, error, failedAttempts } = run.teardown;
  if (receipt) return { teardown: toReceiptView(receipt), teardownFailure: null };
  return { teardown: null, teardownFailure: error ? { ...plain(error), attempts: failedAttempts } : null };
}

function toReceiptView({ verifiedAt, givenUp, removed }: TeardownReceipt): RunView['teardown'] {
  return {
    containers: removed['container'] ?? 0,
    networks: removed['network'] ?? 0,
    volumes: removed['volume'] ?? 0,
    removed,
    verifiedAt: verifiedAt?.toISOString() ?? null,
    givenUp: givenUp && { at: givenUp.at.toISOString(), by: givenUp.by },
  };
}

function plain(failure: Failure): Failure {
  return { code: failure.code, message: failure.message };
}

/** The fields of a query whose names in the API are others. */
interface NamedByApi {
  readonly minDuration?: number | undefined;
  readonly maxDuration?: number | undefined;
}

export function toRunFilter<Query extends NamedByApi>({
  minDuration: minTookMs,
  maxDuration: maxTookMs,
  ...filter
}: Query): Omit<Query, keyof NamedByApi> & Pick<RunFilter, 'minTookMs' | 'maxTookMs'> {
  return { ...filter, ...(minTookMs !== undefined && { minTookMs }), ...(maxTookMs !== undefined && { maxTookMs }) };
}

export function toTimelineView({ dueAt, phases, agents, spans, omitted }: RunTimeline): RunTimelineAnswer {
  const instantOf = (at: Date | null): string | null => at?.toISOString() ?? null;
  return {
    dueAt: dueAt.toISOString(),
    phases: phases.map(({ phase, from, to }) => ({ phase, from: from.toISOString(), to: instantOf(to) })),
    agents: agents.map(({ name, role, startedAt, readyAt, endedAt, busy }) => ({
      ...{ name, role, startedAt: instantOf(startedAt), readyAt: instantOf(readyAt), endedAt: instantOf(endedAt) },
      busy: busy.map(({ from, to, seq }) => ({ from: from.toISOString(), to: to.toISOString(), seq })),
    })),
    spans: spans.map(({ kind, seq, agent, to: teammate, title, from, until, state }) => ({
      ...{ kind, seq, agent, ...(teammate !== undefined && { teammate }), title, state },
      ...{ from: from.toISOString(), to: instantOf(until) },
    })),
    omitted,
  };
}
