import { useInfiniteQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { Pause, Play, Plus, Zap } from 'lucide-react';
import { useEffect, useState } from 'react';
import { api, type Schedule } from '../../api/client';
import {
  queryClient,
  SCHEDULE_SORTS,
  scheduleListQuery,
  schedulesQuery,
  type ScheduleFilter,
  type ScheduleSort,
} from '../../api/queries';
import { Page } from '../../app/shell';
import { ActionButton } from '../../parts/action-button';
import { BUTTON, BUTTON_LOOKS } from '../../parts/button';
import { DurationNote } from '../../parts/duration-note';
import { HistoryStrip } from '../../parts/history-strip';
import { MoreButton } from '../../parts/more-button';
import { Empty, Waiting } from '../../parts/panel';
import { ProblemNote } from '../../parts/problem-note';
import { NextFire, StandingShape } from '../../parts/schedule-standing';
import { Instant } from '../../time/instant';

const SORT_WORDS: Readonly<Record<ScheduleSort, string>> = {
  newest: 'newest first',
  name: 'by name',
  next: 'next due first',
};
/** How long a person pauses between two letters, ms. */
const TYPING_MS = 250;

/** Every schedule: when it fires, in words, and how it stands. */
export function SchedulesPage() {
  const filter = useSearch({ from: '/schedules' });
  const list = useInfiniteQuery(scheduleListQuery(filter));
  const { data, error, refetch } = list;
  const schedules = data?.pages.flatMap(({ items }) => items) ?? [];
  return (
    <Page
      title="Schedules"
      actions={
        <Link to="/schedules/new" className={`${BUTTON} ${BUTTON_LOOKS.primary}`}>
          <Plus className="size-4" aria-hidden />
          New schedule
        </Link>
      }
    >
      <Filters filter={filter} />
      {error && (
        <div className="p-4">
          <ProblemNote error={error} onRetry={() => void refetch()} />
        </div>
      )}
      {!data && !error && <Waiting />}
      {data && schedules.length === 0 && (
        <Empty>
          {filter.q === undefined ? (
            <>
              There is no schedule yet.{' '}
              <Link to="/schedules/new" className="underline">
                Make the first one
              </Link>
              : which team gets which prompt, and when.
            </>
          ) : (
            <>
              No schedule has that in its name.{' '}
              <Link to="/schedules" className="underline">
                Show all
              </Link>
            </>
          )}
        </Empty>
      )}
      <ul>
        {schedules.map((schedule) => (
          <li key={schedule.id}>
            <ScheduleRow schedule={schedule} />
          </li>
        ))}
      </ul>
      <MoreButton list={list}>More schedules</MoreButton>
    </Page>
  );
}

function Filters({ filter }: { readonly filter: ScheduleFilter }) {
  const navigate = useNavigate();
  const [typed, setTyped] = useState(filter.q ?? '');
  const set = (change: { readonly q?: string | undefined; readonly sort?: ScheduleSort | undefined }): void => {
    const next = Object.entries({ ...filter, ...change }).filter(([, value]) => value !== undefined && value !== '');
    void navigate({ to: '/schedules', search: Object.fromEntries(next), replace: true });
  };
  useEffect(() => {
    if (typed === (filter.q ?? '')) return;
    const timer = setTimeout(() => set({ q: typed }), TYPING_MS);
    return () => clearTimeout(timer);
  });
  return (
    <div className="z-1 flex flex-wrap items-center gap-2 border-b border-line bg-ground px-4 py-2.5 rail:sticky rail:top-0 rail:px-6">
      <input
        type="search"
        aria-label="Find by name"
        placeholder="Find by name"
        value={typed}
        maxLength={100}
        onChange={({ target }) => setTyped(target.value)}
        className="h-7 min-w-0 flex-1 rounded-md border border-line bg-surface px-2 rail:max-w-64"
      />
      <select
        aria-label="Order"
        value={filter.sort ?? 'newest'}
        onChange={({ target }) => set({ sort: SCHEDULE_SORTS.find((one) => one === target.value && one !== 'newest') })}
        className="h-7 rounded-md border border-line bg-surface px-1.5"
      >
        {SCHEDULE_SORTS.map((one) => (
          <option key={one} value={one}>
            {SORT_WORDS[one]}
          </option>
        ))}
      </select>
    </div>
  );
}

function ScheduleRow({ schedule }: { readonly schedule: Schedule }) {
  const runs = schedule.recent ?? [];
  return (
    <div className="grid gap-x-6 gap-y-1.5 border-b border-line px-4 py-3 rail:px-6 wide:grid-cols-[minmax(0,4fr)_minmax(0,3fr)_332px_224px] wide:items-center">
      <div className={`min-w-0 ${schedule.enabled ? '' : 'text-soft'}`}>
        <Link
          to="/schedules/$scheduleId"
          params={{ scheduleId: schedule.id }}
          data-row=""
          className="flex items-center gap-2 font-medium hover:underline"
        >
          <StandingShape schedule={schedule} />
          <bdi className="truncate">{schedule.name}</bdi>
        </Link>
        <p className="truncate pl-6 text-soft" title={schedule.cron}>
          {schedule.cronDescription ?? schedule.cron}
        </p>
      </div>
      <div className="min-w-0 pl-6 wide:pl-0">
        <p className="truncate">
          <NextFire schedule={schedule} />
        </p>
        <p className="truncate text-soft">
          {schedule.lastRunAt === null ? (
            'never ran'
          ) : (
            <>
              last run <Instant at={schedule.lastRunAt} zone={schedule.timezone} />
            </>
          )}
        </p>
      </div>
      <Link
        to="/schedules/$scheduleId"
        params={{ scheduleId: schedule.id }}
        search={{ tab: 'runs' }}
        tabIndex={-1}
        className="flex min-w-0 flex-col gap-0.5 pl-6 text-xs wide:items-end wide:pl-0"
      >
        {runs.length > 0 && <HistoryStrip runs={runs} />}
        <DurationNote schedule={schedule} />
      </Link>
      <div className="flex flex-wrap gap-2 pl-6 wide:justify-end wide:pl-0">
        <Actions schedule={schedule} />
      </div>
    </div>
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
