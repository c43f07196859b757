import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { Pause, Play, Zap } from 'lucide-react';
import { api, type Schedule } from '../../api/client';
import { cronWordsQuery, queryClient, schedulesQuery } from '../../api/queries';
import { Page } from '../../app/shell';
import { ActionButton } from '../../parts/action-button';
import { Empty, Waiting } from '../../parts/panel';
import { ProblemNote } from '../../parts/problem-note';
import { StatusShape } from '../../status/status-shape';
import { Instant, ZonedClock } from '../../time/instant';

/** Every schedule: when it fires, in words, and how it stands. */
export function SchedulesPage() {
  const { data, error, refetch } = useQuery(schedulesQuery);
  return (
    <Page title="Schedules">
      {error && (
        <div className="p-4">
          <ProblemNote error={error} onRetry={() => void refetch()} />
        </div>
      )}
      {!data && !error && <Waiting />}
      {data?.items.length === 0 && (
        <Empty>
          There is no schedule yet.{' '}
          <a href="/api/docs" className="underline">
            The API
          </a>{' '}
          makes one: first a team, then a schedule for it.
        </Empty>
      )}
      <ul>
        {data?.items.map((schedule) => (
          <li key={schedule.id}>
            <ScheduleRow schedule={schedule} />
          </li>
        ))}
      </ul>
      {data?.hasMore && (
        <p className="px-4 py-3 text-soft">These are the newest {data.items.length}; there are more.</p>
      )}
    </Page>
  );
}

function ScheduleRow({ schedule }: { readonly schedule: Schedule }) {
  const { data: words } = useQuery(cronWordsQuery(schedule.cron, schedule.timezone));
  return (
    <div className="grid gap-x-6 gap-y-1.5 border-b border-line px-4 py-3 rail:px-6 wide:grid-cols-[minmax(0,4fr)_minmax(0,4fr)_minmax(0,2fr)_224px] wide:items-center">
      <div className={`min-w-0 ${schedule.enabled ? '' : 'text-soft'}`}>
        <Link
          to="/runs"
          search={{ schedule: schedule.id }}
          data-row=""
          className="flex items-center gap-2 font-medium hover:underline"
        >
          <StandingShape schedule={schedule} />
          <bdi className="truncate">{schedule.name}</bdi>
        </Link>
        <p className="truncate pl-6 text-soft" title={schedule.cron}>
          {words ?? schedule.cron}
        </p>
      </div>
      <div className="pl-6 wide:pl-0">
        <Next schedule={schedule} />
      </div>
      <div className="pl-6 text-soft wide:pl-0">
        {schedule.lastRunAt === null ? (
          'never ran'
        ) : (
          <>
            last run <Instant at={schedule.lastRunAt} zone={schedule.timezone} />
          </>
        )}
      </div>
      <div className="flex flex-wrap gap-2 pl-6 wide:justify-end wide:pl-0">
        <Actions schedule={schedule} />
      </div>
    </div>
  );
}

/** How its latest runs stand, by the shapes of runs. */
function StandingShape({ schedule: { status, lastRunAt } }: { readonly schedule: Schedule }) {
  if (status === 'running') return <StatusShape status="running" />;
  if (status === 'error') return <StatusShape status="failed" />;
  return lastRunAt === null ? <StatusShape status="skipped" isNamed /> : <StatusShape status="success" />;
}

function Next({ schedule }: { readonly schedule: Schedule }) {
  if (schedule.fault)
    return (
      <span role="alert" className="text-failed">
        cannot fire: {schedule.fault.message}
      </span>
    );
  if (!schedule.enabled) return <span className="text-soft">paused</span>;
  if (schedule.nextRunAt === null) return <span className="text-soft">never again</span>;
  return (
    <>
      <Instant at={schedule.nextRunAt} zone={schedule.timezone} />{' '}
      <span className="text-soft">
        · <ZonedClock at={schedule.nextRunAt} zone={schedule.timezone} />
      </span>
    </>
  );
}

function Actions({ schedule }: { readonly schedule: Schedule }) {
  const navigate = useNavigate();
  const params = { id: schedule.id };
  const runNow = async (): Promise<void> => {
    const idempotencyKey = crypto.randomUUID();
    const { id } = await api.request('POST /schedules/:id/trigger', { params, idempotencyKey });
    await navigate({ to: '/runs/$runId', params: { runId: id } });
  };
  const setEnabled = async (route: 'POST /schedules/:id/pause' | 'POST /schedules/:id/resume'): Promise<void> => {
    await api.request(route, { params, idempotencyKey: crypto.randomUUID() });
    await queryClient.invalidateQueries({ queryKey: schedulesQuery.queryKey });
  };
  return (
    <>
      <ActionButton act={runNow} icon={<Zap className="size-4" aria-hidden />}>
        Run now
      </ActionButton>
      {schedule.enabled ? (
        <ActionButton
          look="bare"
          act={() => setEnabled('POST /schedules/:id/pause')}
          icon={<Pause className="size-4" aria-hidden />}
        >
          Pause
        </ActionButton>
      ) : (
        <ActionButton
          look="bare"
          act={() => setEnabled('POST /schedules/:id/resume')}
          icon={<Play className="size-4" aria-hidden />}
        >
          Resume
        </ActionButton>
      )}
    </>
  );
}
