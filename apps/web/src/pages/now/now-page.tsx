import { useInfiniteQuery, useQueries, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { Run, Schedule } from '../../api/client';
import { latestRunsQuery, runsQuery, schedulesQuery, WITHIN_MS } from '../../api/queries';
import { Page } from '../../app/shell';
import { Empty, Panel, Waiting } from '../../parts/panel';
import { ProblemNote } from '../../parts/problem-note';
import { RunList } from '../../parts/run-list';
import { StatusShape } from '../../status/status-shape';
import { STATUSES } from '../../status/status-words';
import { Instant, ZonedClock } from '../../time/instant';
import { useNow } from '../../time/use-now';
import { needsPerson } from './needs-person';

const DAY = { within: '24h' } as const;
const COLUMN = 'min-w-0 max-wide:contents wide:flex wide:flex-col wide:gap-4';
/** How many schedules that failed are looked into. */
const MAX_LOOKED_INTO = 20;

/** What happened, what needs a person, what runs, and what is due. */
export function NowPage() {
  return (
    <Page title="Now">
      {/* Two columns, or one in the order of what is urgent. */}
      <div className="flex flex-col gap-4 p-4 rail:p-6 wide:grid wide:grid-cols-2 wide:items-start">
        <div className={COLUMN}>
          <NeedsYou />
          <LastDay />
        </div>
        <div className={COLUMN}>
          <Running />
          <NextDay />
        </div>
      </div>
    </Page>
  );
}

function NeedsYou() {
  const { data, error, refetch } = useQuery(schedulesQuery);
  const broken = data?.items.filter(({ fault }) => fault !== null) ?? [];
  const failed = (data?.items.filter(({ status }) => status === 'error') ?? []).slice(0, MAX_LOOKED_INTO);
  const missed = useInfiniteQuery(runsQuery({ ...DAY, status: 'missed' }));
  const latest = useQueries({ queries: failed.map(({ id }) => latestRunsQuery(id)) });
  const runs = needsPerson({
    latestOfFailed: latest.flatMap(({ data: newest }) => (newest ? [newest] : [])),
    missed: missed.data?.pages.flatMap(({ items }) => items) ?? [],
    schedules: data?.items ?? [],
  });
  const count = broken.length + runs.length;
  const problem = error ?? missed.error;
  return (
    <Panel className="order-1" title="Needs you" note={count === 0 ? undefined : count}>
      {problem && (
        <div className="p-4">
          <ProblemNote error={problem} onRetry={() => void refetch()} />
        </div>
      )}
      {!data && !problem && <Waiting />}
      {data && count === 0 && <Empty>Nothing. The last run of every schedule went well.</Empty>}
      {broken.map((schedule) => (
        <BrokenSchedule key={schedule.id} schedule={schedule} />
      ))}
      <RunList runs={runs} isNarrow />
    </Panel>
  );
}

function BrokenSchedule({ schedule }: { readonly schedule: Schedule }) {
  return (
    <Link
      to="/schedules/$scheduleId"
      params={{ scheduleId: schedule.id }}
      data-row=""
      className="flex items-center gap-3 border-b border-line px-4 py-2 hover:bg-hover"
    >
      <StatusShape status="failed" />
      <bdi className="font-medium">{schedule.name}</bdi>
      <span className="truncate text-soft">cannot fire: {schedule.fault?.message}</span>
    </Link>
  );
}

function Running() {
  const running = useInfiniteQuery(runsQuery({ status: 'running' }));
  const queued = useInfiniteQuery(runsQuery({ status: 'queued' }));
  const error = running.error ?? queued.error;
  const runs = [running, queued].flatMap(({ data }) => data?.pages.flatMap(({ items }) => items) ?? []);
  const isKnown = running.data !== undefined && queued.data !== undefined;
  return (
    <Panel className="order-2" title="Running" note={runs.length === 0 ? undefined : runs.length}>
      {error && (
        <div className="p-4">
          <ProblemNote error={error} onRetry={() => void Promise.all([running.refetch(), queued.refetch()])} />
        </div>
      )}
      {!isKnown && !error && <Waiting />}
      {isKnown && runs.length === 0 && <Empty>Nothing runs at the moment.</Empty>}
      <RunList runs={runs} isNarrow />
    </Panel>
  );
}

/** How many of the last day's runs are shown here. */
const SHOWN = 12;

function LastDay() {
  const { data, error, refetch, hasNextPage } = useInfiniteQuery(runsQuery(DAY));
  const runs = data?.pages.flatMap(({ items }) => items) ?? [];
  const over = runs.filter(({ status }) => status !== 'running' && status !== 'queued');
  return (
    <Panel className="order-3" title="Last 24 hours" note={<Counts runs={runs} hasMore={hasNextPage} />}>
      {error && (
        <div className="p-4">
          <ProblemNote error={error} onRetry={() => void refetch()} />
        </div>
      )}
      {!data && !error && <Waiting />}
      {data && over.length === 0 && <Empty>Nothing ended in the last 24 hours.</Empty>}
      <RunList runs={over.slice(0, SHOWN)} isNarrow />
      {(over.length > SHOWN || hasNextPage) && (
        <Link to="/runs" search={DAY} data-row="" className="block px-4 py-2 text-soft hover:text-ink">
          All of the last 24 hours
        </Link>
      )}
    </Panel>
  );
}

/** Every number leads to its list. */
function Counts({ runs, hasMore }: { readonly runs: readonly Run[]; readonly hasMore: boolean }) {
  return (
    <span className="flex flex-wrap gap-x-3">
      {STATUSES.map((status) => {
        const count = runs.filter((run) => run.status === status).length;
        if (count === 0) return null;
        return (
          <Link
            key={status}
            to="/runs"
            search={{ ...DAY, status }}
            className="inline-flex items-center gap-1 hover:text-ink"
          >
            <StatusShape status={status} /> {count}
            {hasMore ? '+' : ''}
          </Link>
        );
      })}
    </span>
  );
}

function NextDay() {
  const { data, error, refetch } = useQuery(schedulesQuery);
  const now = useNow();
  const due = (data?.items ?? [])
    .flatMap((schedule) => (schedule.nextRunAt === null ? [] : [{ schedule, at: schedule.nextRunAt }]))
    .filter(({ at }) => Date.parse(at) - now.getTime() < WITHIN_MS['24h'])
    .sort((one, other) => (one.at < other.at ? -1 : 1));
  return (
    <Panel
      className="order-4"
      title="Next 24 hours"
      note={due.length === 0 ? undefined : due.length === 1 ? '1 schedule' : `${due.length} schedules`}
    >
      {error && (
        <div className="p-4">
          <ProblemNote error={error} onRetry={() => void refetch()} />
        </div>
      )}
      {!data && !error && <Waiting />}
      {data && due.length === 0 && <Empty>No schedule is due in the next 24 hours.</Empty>}
      <ul>
        {due.slice(0, SHOWN).map(({ schedule, at }) => (
          <li key={schedule.id} className="border-b border-line last:border-b-0">
            <Link
              to="/schedules/$scheduleId"
              params={{ scheduleId: schedule.id }}
              data-row=""
              className="grid grid-cols-[16px_1fr] items-center gap-x-3 px-4 py-2 hover:bg-hover rail:grid-cols-[16px_1fr_auto]"
            >
              <StatusShape status="queued" isNamed />
              <bdi className="truncate font-medium">{schedule.name}</bdi>
              <span className="text-soft max-rail:col-start-2">
                <ZonedClock at={at} zone={schedule.timezone} /> · <Instant at={at} zone={schedule.timezone} />
              </span>
            </Link>
          </li>
        ))}
      </ul>
      {due.length > SHOWN && (
        <Link to="/schedules" className="block px-4 py-2 text-soft hover:text-ink">
          All schedules
        </Link>
      )}
    </Panel>
  );
}
