import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import type { Deployment, Run } from '../../api/client';
import { deploymentQuery, runQuery } from '../../api/queries';
import { Page } from '../../app/shell';
import { HelpMark } from '../../parts/help-mark';
import { Panel, Waiting } from '../../parts/panel';
import { UsageNote, UsageWords } from '../../usage/usage-note';
import { ProblemNote } from '../../parts/problem-note';
import { ScheduleName, useScheduleName } from '../../parts/schedule-name';
import { ShortId } from '../../parts/short-id';
import { StatusLabel } from '../../status/status-shape';
import { triggerWord } from '../../status/status-words';
import { STATUS_WORDS } from '@crewtab/words/run-words';
import { formatInstant } from '../../time/format-time';
import { Instant, Span } from '../../time/instant';
import { ADVICE } from '@crewtab/words/advice';
import { nameInText, stripTerminalCodes } from '../../words/clean-terminal-text';
import { AgentText } from './agent-text';
import { ArtifactsPanel } from './artifacts-panel';
import type { ConversationFilter } from './conversation-filter';
import { ConversationView } from './conversation-view';
import { LanesView } from './lanes-view';
import { PhaseStrip } from './phase-strip';
import { PushPanel } from './push-panel';
import { RunActions } from './run-actions';
import { RunComparison } from './run-comparison';
import { RunNeighbours } from './run-neighbours';
import { useRunTimeline } from './use-run-timeline';
import { useTalk } from './use-talk';
import { VerificationPanel } from './verification-panel';
import { VisibleSpan } from './visible-span';
import { WarningList } from './warning-list';

/** One run: its answer first, and the conversation from which it came. */
export function RunPage() {
  const { runId } = useParams({ from: '/runs/$runId' });
  const { data: run, error, refetch } = useQuery(runQuery(runId));
  if (error)
    return (
      <Page title="Run" crumbs={<Crumb />}>
        <div className="p-6">
          <ProblemNote error={error} onRetry={() => void refetch()} />
        </div>
      </Page>
    );
  if (!run)
    return (
      <Page title="Run" crumbs={<Crumb />}>
        <Waiting />
      </Page>
    );
  return <KnownRun key={run.id} run={run} />;
}

function Crumb() {
  return (
    <>
      <Link to="/runs" className="text-soft hover:text-ink">
        Runs
      </Link>
      <span className="text-soft" aria-hidden>
        /
      </span>
    </>
  );
}

function KnownRun({ run }: { readonly run: Run }) {
  const search = useSearch({ from: '/runs/$runId' });
  const talk = useTalk(run, search.at ?? null);
  const timeline = useRunTimeline(run, talk.stream.entries);
  const [visible] = useState(() => new VisibleSpan());
  const { data: deployment } = useQuery({
    ...deploymentQuery(run.teamDeploymentId ?? ''),
    enabled: run.teamDeploymentId !== null,
  });
  const name = useScheduleName(run);
  const isOver = run.phase === 'finished';
  const [isComparing, setComparing] = useState(false);
  const navigate = useNavigate({ from: '/runs/$runId' });
  const filter = { level: search.level ?? 'work', agent: search.agent ?? null } as const;
  const choose = (at: number): void => {
    void navigate({ search: (before) => ({ ...before, at }), replace: true });
    // The address leads there already, and the person has gone on.
    if (at === search.at) talk.windows?.show(at);
  };
  const setFilter = ({ level, agent }: ConversationFilter): void => {
    const agentPart = agent === null ? {} : { agent };
    const atPart = search.at === undefined ? {} : { at: search.at };
    void navigate({ search: { ...atPart, ...agentPart, level }, replace: true });
  };
  return (
    <Page
      crumbs={<Crumb />}
      title={
        <>
          <title>{`${run.status}: ${nameInText(name)} · Crewtab`}</title>
          <ScheduleName run={run} />
        </>
      }
      actions={
        <RunActions run={run} name={name} isComparing={isComparing} onCompare={() => setComparing(!isComparing)} />
      }
    >
      <div className="flex flex-col wide:h-full">
        <div className="flex flex-wrap items-center gap-x-4 gap-y-1 px-4 pt-3 rail:px-6">
          <StatusLabel status={run.status} />
          {run.error && run.error.code !== run.status && <code className="font-mono text-xs">{run.error.code}</code>}
          <HelpMark
            code={run.error?.code ?? run.status}
            sentence={(run.error && ADVICE[run.error.code]?.meaning) ?? STATUS_WORDS[run.status]}
          />
          {run.startedAt && (
            <span>
              <Span from={run.startedAt} to={run.finishedAt} />
            </span>
          )}
          <UsageNote used={run.usage} />
          <span className="text-soft">
            {triggerWord(run)}, <Instant at={run.scheduledFor} />
          </span>
          <ShortId id={run.id} />
          <RunNeighbours runId={run.id} />
        </div>
        <RunTime run={run} timeline={timeline} visible={visible} onChoose={choose} />
        <div className="grid min-h-0 flex-1 gap-4 px-4 pb-4 rail:px-6 wide:grid-cols-[minmax(0,5fr)_minmax(0,7fr)]">
          {/* What scrolls can be reached by the keyboard. */}
          <div
            role="region"
            aria-label="Answer and facts"
            tabIndex={0}
            className="flex min-h-0 min-w-0 flex-col gap-4 wide:overflow-y-auto"
          >
            <Cause run={run} />
            {run.verification?.status === 'failed' && <VerificationPanel verification={run.verification} />}
            <Result run={run} leader={deployment?.agents.find(({ role }) => role === 'leader')?.name} />
            {run.verification?.status === 'passed' && <VerificationPanel verification={run.verification} />}
            {run.push && <PushPanel push={run.push} />}
            <ArtifactsPanel run={run} />
            {isComparing && <RunComparison run={run} />}
            <WarningList warnings={run.warnings} />
            <Panel title="Prompt">
              <pre
                dir="auto"
                tabIndex={0}
                className="max-h-60 overflow-auto px-4 py-3 font-sans [overflow-wrap:anywhere] whitespace-pre-wrap"
              >
                {run.prompt}
              </pre>
            </Panel>
            <Facts run={run} deployment={deployment} />
          </div>
          <Panel
            title="Conversation"
            note={isOver ? undefined : 'live'}
            className={`flex h-[70vh] flex-col wide:h-auto ${isOver ? '' : 'max-wide:-order-1'}`}
          >
            <div className="min-h-0 flex-1">
              <ConversationView
                talk={talk}
                start={run.startedAt ?? run.scheduledFor}
                isOver={isOver}
                filter={filter}
                onFilter={setFilter}
                chosen={search.at ?? null}
                onChoose={choose}
                visible={visible}
              />
            </div>
          </Panel>
        </div>
      </div>
    </Page>
  );
}

/** Its phases, and its agents over time. Their place is kept until they are there. */
function RunTime({
  run,
  timeline: { data: timeline, error, refetch },
  visible,
  onChoose,
}: {
  readonly run: Run;
  readonly timeline: ReturnType<typeof useRunTimeline>;
  readonly visible: VisibleSpan;
  readonly onChoose: (seq: number) => void;
}) {
  if (error && !timeline)
    return (
      <div className="px-4 py-3 rail:px-6">
        <ProblemNote error={error} onRetry={() => void refetch()} />
      </div>
    );
  if (!timeline) return run.startedAt === null ? null : <div className="h-14" aria-busy />;
  const hasLanes = timeline.agents.length > 1 || timeline.spans.some(({ kind }) => kind === 'tool');
  const end = run.teardown?.verifiedAt ?? run.teardown?.givenUp?.at ?? run.finishedAt;
  return (
    <>
      <PhaseStrip run={run} timeline={timeline} />
      {run.startedAt && hasLanes && (
        <LanesView
          timeline={timeline}
          start={run.startedAt}
          end={run.phase === 'finished' ? end : null}
          visible={visible}
          onChoose={onChoose}
        />
      )}
    </>
  );
}

/** Why it did not end in success, and what to do. */
function Cause({ run }: { readonly run: Run }) {
  if (!run.error) return null;
  const advice = ADVICE[run.error.code];
  return (
    <Panel title={run.status === 'failed' || run.status === 'timeout' ? 'What went wrong' : 'Why it ended'}>
      <div className="flex flex-col gap-2 px-4 py-3">
        {advice && <p className="font-medium">{advice.meaning}</p>}
        <p dir="auto" className="overflow-clip font-mono text-xs whitespace-pre-wrap [overflow-wrap:anywhere]">
          {stripTerminalCodes(run.error.message)}
        </p>
        {advice && (
          <p className="text-soft">
            <span className="font-medium text-ink">What to do:</span> {advice.advice}
          </p>
        )}
      </div>
    </Panel>
  );
}

function Result({ run, leader }: { readonly run: Run; readonly leader: string | undefined }) {
  if (run.result === null) return null;
  return (
    <Panel
      title="Result"
      note={
        leader && (
          <>
            in the words of <bdi>{leader}</bdi>
          </>
        )
      }
    >
      <div className="overflow-clip px-4 py-3">
        <AgentText text={run.result} />
      </div>
    </Panel>
  );
}

function Facts({ run, deployment }: { readonly run: Run; readonly deployment: Deployment | undefined }) {
  const rows: (readonly [string, React.ReactNode])[] = [
    ['Team', <bdi key="team">{run.teamName}</bdi>],
    ['Due', formatInstant(new Date(run.scheduledFor))],
    ['Started', run.startedAt === null ? 'never' : formatInstant(new Date(run.startedAt))],
    ['Ended', run.finishedAt === null ? 'not yet' : formatInstant(new Date(run.finishedAt))],
    ['Timeout', run.timeout],
    ...(run.status === 'success' && !run.verification
      ? [['Verified', 'no: its schedule asks for nothing beside its leader’s word'] as const]
      : []),
    ...(run.startedAt === null ? [] : [['Usage', <UsageWords key="usage" used={run.usage} />] as const]),
    ...(deployment
      ? ([
          [
            'Host',
            <code key="host" className="font-mono text-xs">
              {deployment.host}
            </code>,
          ],
          ...deployment.agents.map(
            (agent) =>
              [
                agent.name,
                <span key={agent.name} className="[overflow-wrap:anywhere]">
                  {agent.role}, {agent.protocol}
                  {agent.image && `, ${agent.image}`}
                  {agent.usage && (agent.usage.cost !== null || agent.usage.inputTokens !== null) && (
                    <span className="block text-soft">
                      <UsageWords used={agent.usage} />
                    </span>
                  )}
                </span>,
              ] as const,
          ),
        ] as const)
      : []),
    ['Removed', <Receipt key="receipt" run={run} />],
    ...(run.acknowledgement ? [['Seen', <Seen key="seen" seen={run.acknowledgement} />] as const] : []),
  ];
  return (
    <Panel title="Facts">
      <dl className="grid grid-cols-[96px_1fr] gap-y-1.5 px-4 py-3">
        {rows.map(([name, value]) => (
          <div key={name} className="contents">
            <dt className="truncate text-soft">{name}</dt>
            <dd className="min-w-0 overflow-clip [overflow-wrap:anywhere]">{value}</dd>
          </div>
        ))}
      </dl>
    </Panel>
  );
}

/** `2 processes`, `1 directory`. */
function countOf(count: number, kind: string): string {
  if (count === 1) return `1 ${kind}`;
  const plural = kind.endsWith('y') ? `${kind.slice(0, -1)}ies` : kind.endsWith('s') ? `${kind}es` : `${kind}s`;
  return `${count} ${plural}`;
}

function Seen({ seen: { by, at, note } }: { readonly seen: NonNullable<Run['acknowledgement']> }) {
  return (
    <>
      by <bdi>{by}</bdi>, <Instant at={at} />
      {note !== null && (
        <>
          : <bdi>{note}</bdi>
        </>
      )}
    </>
  );
}

/** The proof that nothing of the run is left. */
function Receipt({ run: { teardown, teardownFailure, startedAt } }: { readonly run: Run }) {
  if (teardown) {
    const counts = Object.entries(teardown.removed).map(([kind, count]) => countOf(count, kind));
    const removed = counts.length === 0 ? 'nothing to remove' : counts.join(', ');
    if (teardown.givenUp)
      return <span className="text-timeout">given up by {teardown.givenUp.by}: its host is gone</span>;
    return (
      <>
        {removed}; verified clean {teardown.verifiedAt && <Instant at={teardown.verifiedAt} />}
      </>
    );
  }
  if (teardownFailure)
    return (
      <span className="text-failed">
        failed {teardownFailure.attempts} times: {teardownFailure.message}
      </span>
    );
  return <>{startedAt === null ? 'nothing was made' : 'not yet'}</>;
}
