import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { api, type System } from '../../api/client';
import { systemQuery } from '../../api/queries';
import { Page } from '../../app/shell';
import { ConfirmButton } from '../../parts/confirm-button';
import { Empty, Panel, Waiting } from '../../parts/panel';
import { ProblemNote } from '../../parts/problem-note';
import { StatusShape } from '../../status/status-shape';
import { formatInstant, formatSpan } from '../../time/format-time';
import { Instant } from '../../time/instant';

/** The installation for its operators: who is there, what is owed, what waits, and how it is set. */
export function SystemPage() {
  const { data: system, error, refetch } = useQuery(systemQuery);
  return (
    <Page title="System">
      {error && (
        <div className="p-4 rail:p-6">
          <ProblemNote error={error} onRetry={() => void refetch()} />
        </div>
      )}
      {!system && !error && <Waiting />}
      {system && (
        <div className="grid gap-4 p-4 rail:p-6 wide:grid-cols-2 wide:items-start">
          <div className="flex min-w-0 flex-col gap-4">
            <Hosts system={system} reload={() => refetch()} />
            <Workers system={system} />
            <Schedulers system={system} />
          </div>
          <div className="flex min-w-0 flex-col gap-4">
            <PendingTeardowns system={system} />
            <Queues queues={system.queues} />
            <SettingsInForce settings={system.settings} />
          </div>
        </div>
      )}
    </Page>
  );
}

const HOST_LOOKS = {
  live: ['bg-success', 'live'],
  silent: ['bg-failed', 'unresponsive'],
  decommissioned: ['bg-idle', 'decommissioned'],
} as const;

function Dot({ color, words }: { readonly color: string; readonly words: string }) {
  return (
    <span className="inline-flex items-center gap-2 whitespace-nowrap">
      <span className={`size-2 shrink-0 rounded-full ${color}`} aria-hidden />
      {words}
    </span>
  );
}

function Hosts({ system, reload }: { readonly system: System; readonly reload: () => Promise<unknown> }) {
  return (
    <Panel title="Hosts" note={system.hosts.length}>
      {system.hosts.length === 0 && (
        <Empty>No worker has ever registered one. Start a worker: nothing runs without.</Empty>
      )}
      <ul>
        {system.hosts.map((host) => {
          const [color, words] = HOST_LOOKS[host.state];
          return (
            <Row key={host.id}>
              <div className="flex flex-wrap items-center gap-x-3">
                <Dot color={color} words={words} />
                <span className="min-w-0 truncate text-soft">{host.description || host.runtime}</span>
                <span className="ml-auto text-soft">
                  heartbeat <Ago at={host.lastSeenAt} now={system.at} />
                </span>
              </div>
              <p className="flex flex-wrap items-center gap-x-3 text-soft">
                <code className="min-w-0 truncate font-mono text-xs">{host.id}</code>
                <span>
                  {host.begunRuns === 1 ? '1 run' : `${host.begunRuns} runs`}, {host.openObligations} to remove
                </span>
                {host.decommissionedBy !== null && <span>given up by {host.decommissionedBy}</span>}
              </p>
              {host.state === 'silent' && <Decommission host={host} reload={reload} />}
            </Row>
          );
        })}
      </ul>
    </Panel>
  );
}

function Decommission({
  host,
  reload,
}: {
  readonly host: System['hosts'][number];
  readonly reload: () => Promise<unknown>;
}) {
  const act = async (): Promise<void> => {
    const params = { id: host.id };
    await api.request('POST /system/hosts/:id/decommission', { params, idempotencyKey: crypto.randomUUID() });
    await reload();
  };
  return (
    <div className="mt-2">
      <ConfirmButton
        act={act}
        title="Give this host up?"
        words={`For a machine that does not come back. Its ${host.begunRuns} runs end as host_lost, and their receipts say that nothing was proved. If it only is slow, wait: it goes on by itself.`}
        confirm="Decommission it"
      >
        Decommission
      </ConfirmButton>
    </div>
  );
}

function Workers({ system }: { readonly system: System }) {
  return (
    <Panel title="Workers" note={system.workers.length}>
      {system.workers.length === 0 && <Empty>None. Runs stay queued until one is there.</Empty>}
      <ul>
        {system.workers.map((worker) => (
          <Row key={worker.id}>
            <ProcessLine one={worker} now={system.at} />
            <div
              role="img"
              aria-label={`holds ${worker.heldRuns} of ${worker.capacity} runs`}
              className="my-1.5 h-1.5 overflow-hidden rounded-full bg-hover"
            >
              <svg
                width="100%"
                height="100%"
                preserveAspectRatio="none"
                viewBox={`0 0 ${worker.capacity} 1`}
                aria-hidden
              >
                <rect width={worker.heldRuns} height="1" className="fill-running" />
              </svg>
            </div>
            <p className="text-soft">
              holds {worker.heldRuns} of {worker.capacity} runs · adopted {worker.adoptedRuns} · reaper{' '}
              <LoopState at={worker.reaper.lastPassAt} error={worker.reaper.error} now={system.at} />
              {worker.reaper.resistingThings > 0 && `, ${worker.reaper.resistingThings} cannot be removed`}
            </p>
            {worker.refusal !== null && <p className="text-timeout">takes no work: {worker.refusal}</p>}
          </Row>
        ))}
      </ul>
      {system.unheldRuns > 0 && (
        <p className="border-t border-line px-4 py-2 text-timeout">
          {system.unheldRuns} begun {system.unheldRuns === 1 ? 'run is' : 'runs are'} held by no living worker.
        </p>
      )}
    </Panel>
  );
}

function Schedulers({ system }: { readonly system: System }) {
  return (
    <Panel title="Schedulers" note={system.schedulers.length}>
      {system.schedulers.length === 0 && <Empty>None has sent a heartbeat yet.</Empty>}
      <ul>
        {system.schedulers.map((scheduler) => (
          <Row key={scheduler.id}>
            <ProcessLine one={scheduler} now={system.at} />
            <p className="text-soft">
              sweeper <LoopState at={scheduler.sweeper.lastPassAt} error={scheduler.sweeper.error} now={system.at} />
            </p>
          </Row>
        ))}
      </ul>
    </Panel>
  );
}

function Row({ children }: { readonly children: React.ReactNode }) {
  return <li className="min-w-0 border-b border-line px-4 py-2.5 last:border-b-0">{children}</li>;
}

type ProcessView = System['workers'][number] | System['schedulers'][number];

function ProcessLine({ one, now }: { readonly one: ProcessView; readonly now: string }) {
  const { hostname, pid, version, isLive, startedAt, lastSeenAt } = one;
  return (
    <div className="flex flex-wrap items-center gap-x-3">
      <Dot color={isLive ? 'bg-success' : 'bg-failed'} words={isLive ? 'live' : 'gone'} />
      <span className="min-w-0 truncate font-medium">{hostname}</span>
      <span className="text-soft">
        pid {pid}, {version}
      </span>
      <span className="ml-auto text-soft">
        {isLive ? 'started' : 'last heartbeat'} <Ago at={isLive ? startedAt : lastSeenAt} now={now} />
      </span>
    </div>
  );
}

/** When a loop last came round, by the clock of the answer; and what went wrong with it. */
function LoopState({
  at,
  error,
  now,
}: {
  readonly at: string | null;
  readonly error: string | null;
  readonly now: string;
}) {
  if (error !== null) return <span className="text-failed">failed: {error}</span>;
  return at === null ? <>has not come round yet</> : <Ago at={at} now={now} />;
}

/** By the clock of the answer: the browser's may be another one. */
function Ago({ at, now }: { readonly at: string; readonly now: string }) {
  return <span title={formatInstant(new Date(at))}>{formatSpan(Date.parse(now) - Date.parse(at))} ago</span>;
}

function PendingTeardowns({ system: { obligations, openObligations } }: { readonly system: System }) {
  return (
    <Panel title="Pending teardowns" note={openObligations === 0 ? undefined : openObligations}>
      {obligations.length === 0 && <Empty>None. What belonged to finished runs is gone, and verified.</Empty>}
      <ul>
        {obligations.slice(0, 50).map(({ runId, status, since, failedAttempts, error }) => (
          <Row key={runId}>
            <div className="flex items-center gap-2">
              <StatusShape status={status} />
              <Link to="/runs/$runId" params={{ runId }} data-row="" className="font-mono text-xs underline">
                {runId.slice(-6)}
              </Link>
              <span className="text-soft">
                since <Instant at={since} />
                {failedAttempts > 0 && `, failed ${failedAttempts} times`}
              </span>
            </div>
            {error && <p className="text-failed [overflow-wrap:anywhere]">{error.message}</p>}
          </Row>
        ))}
      </ul>
    </Panel>
  );
}

function Queues({ queues }: { readonly queues: System['queues'] }) {
  return (
    <Panel
      title="Queues"
      note={
        <a href="/queues" className="underline">
          Bull Board
        </a>
      }
    >
      {queues === null ? (
        <p className="px-4 py-3 text-failed">Unknown: Redis did not answer within a second.</p>
      ) : (
        <dl className="grid grid-cols-[minmax(0,auto)_1fr] gap-x-6 gap-y-1.5 px-4 py-3">
          {queues.map(({ name, jobs }) => {
            const counts = Object.entries(jobs).filter(([, count]) => count > 0);
            return (
              <div key={name} className="contents">
                <dt className="truncate font-medium">{name}</dt>
                <dd className="text-soft">
                  {counts.length === 0 ? 'empty' : counts.map(([state, count]) => `${count} ${state}`).join(' · ')}
                </dd>
              </div>
            );
          })}
        </dl>
      )}
    </Panel>
  );
}

function SettingsInForce({ settings }: { readonly settings: System['settings'] }) {
  return (
    <Panel title="Settings in force" note="in the scheduler that answered">
      <dl className="grid grid-cols-[minmax(0,3fr)_minmax(0,2fr)] gap-x-4 gap-y-1 px-4 py-3">
        {settings.map(({ name, value, isDefault, isSecret }) => (
          <div key={name} className="contents">
            <dt className="truncate font-mono text-xs leading-5" title={name}>
              {name}
            </dt>
            <dd className={`min-w-0 [overflow-wrap:anywhere] ${isDefault ? 'text-soft' : ''}`}>
              {isSecret ? (isDefault ? 'not set' : 'set, secret') : (value ?? 'not set')}
              {isDefault && !isSecret && value !== null && <span className="text-xs"> (default)</span>}
            </dd>
          </div>
        ))}
      </dl>
    </Panel>
  );
}
