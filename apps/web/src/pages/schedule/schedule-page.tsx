import { Tabs } from '@base-ui/react/tabs';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { Pencil } from 'lucide-react';
import type { Schedule } from '../../api/client';
import { runsQuery, scheduleHistoryQuery } from '../../api/queries';
import { Page } from '../../app/shell';
import { Button, BUTTON, BUTTON_LOOKS } from '../../parts/button';
import { DurationNote } from '../../parts/duration-note';
import { HistoryLinks } from '../../parts/history-strip';
import { Empty, Waiting } from '../../parts/panel';
import { ProblemNote } from '../../parts/problem-note';
import { RunList } from '../../parts/run-list';
import { ScheduleCrumb } from '../../parts/schedule-crumb';
import { Standing } from '../../parts/schedule-standing';
import { ShortId } from '../../parts/short-id';
import { Instant } from '../../time/instant';
import { nameInText } from '../../words/clean-terminal-text';
import { SCHEDULE_TABS, type ScheduleTab } from '../schedules/schedule-search';
import { LedgerTab } from './ledger-tab';
import { ResultsTab } from './results-tab';
import { RevisionsTab } from './revisions-tab';
import { PauseOrResume, RunNow } from './schedule-actions';
import { SettingsTab } from './settings-tab';

const TAB_NAMES: Readonly<Record<ScheduleTab, string>> = {
  ledger: 'Ledger',
  results: 'Results',
  runs: 'Runs',
  prompt: 'Prompt',
  settings: 'Settings',
  revisions: 'Revisions',
};

/** One schedule: when it fires and what became of it. */
export function SchedulePage() {
  const { scheduleId } = useParams({ from: '/schedules/$scheduleId' });
  const { data: schedule, error, refetch } = useQuery(scheduleHistoryQuery(scheduleId));
  if (error)
    return (
      <Page title="Schedule" crumbs={<ScheduleCrumb />}>
        <div className="p-4 rail:p-6">
          <ProblemNote error={error} onRetry={() => void refetch()} />
          <p className="mt-4 text-soft">
            Runs of a deleted schedule stay:{' '}
            <Link to="/runs" search={{ schedule: scheduleId }} className="underline">
              its runs
            </Link>
          </p>
        </div>
      </Page>
    );
  if (!schedule)
    return (
      <Page title="Schedule" crumbs={<ScheduleCrumb />}>
        <Waiting />
      </Page>
    );
  return <KnownSchedule schedule={schedule} />;
}

function KnownSchedule({ schedule }: { readonly schedule: Schedule }) {
  const { tab = 'ledger' } = useSearch({ from: '/schedules/$scheduleId' });
  const navigate = useNavigate();
  return (
    <Page
      crumbs={<ScheduleCrumb />}
      title={
        <>
          <title>{`${nameInText(schedule.name)} · Crewtab`}</title>
          <bdi>{schedule.name}</bdi>
        </>
      }
      actions={
        <>
          <RunNow schedule={schedule} />
          <PauseOrResume schedule={schedule} />
          <Link
            to="/schedules/$scheduleId/edit"
            params={{ scheduleId: schedule.id }}
            className={`${BUTTON} ${BUTTON_LOOKS.plain}`}
          >
            <Pencil className="size-4" aria-hidden />
            Edit
          </Link>
        </>
      }
    >
      <Head schedule={schedule} />
      <Tabs.Root
        value={tab}
        onValueChange={(next: ScheduleTab) =>
          void navigate({
            to: '/schedules/$scheduleId',
            params: { scheduleId: schedule.id },
            search: { tab: next },
            replace: true,
          })
        }
      >
        <Tabs.List className="flex gap-1 overflow-x-auto border-b border-line px-2 rail:px-4">
          {SCHEDULE_TABS.map((one) => (
            <Tabs.Tab
              key={one}
              value={one}
              className="-mb-px border-b-2 border-transparent px-2.5 py-2 whitespace-nowrap text-soft hover:text-ink focus-visible:-outline-offset-2 data-[active]:border-ink data-[active]:font-medium data-[active]:text-ink"
            >
              {TAB_NAMES[one]}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="ledger">
          <LedgerTab schedule={schedule} />
        </Tabs.Panel>
        <Tabs.Panel value="results">
          <ResultsTab schedule={schedule} />
        </Tabs.Panel>
        <Tabs.Panel value="revisions">
          <RevisionsTab schedule={schedule} />
        </Tabs.Panel>
        <Tabs.Panel value="runs">
          <RunsTab schedule={schedule} />
        </Tabs.Panel>
        <Tabs.Panel value="prompt">
          <PromptTab schedule={schedule} />
        </Tabs.Panel>
        <Tabs.Panel value="settings">
          <SettingsTab schedule={schedule} />
        </Tabs.Panel>
      </Tabs.Root>
    </Page>
  );
}

/** How it stands, when it fires, and the last runs at a glance. */
function Head({ schedule }: { readonly schedule: Schedule }) {
  const runs = schedule.recent ?? [];
  return (
    <div className="flex flex-wrap items-end justify-between gap-x-8 gap-y-3 px-4 pt-4 pb-2 rail:px-6">
      <div className="flex min-w-0 flex-col gap-1">
        <p className="flex flex-wrap items-center gap-x-3 gap-y-1">
          <Standing schedule={schedule} />
          <ShortId id={schedule.id} />
        </p>
        <p className="text-base">{schedule.cronDescription ?? schedule.cron}</p>
        {schedule.note && (
          <p className="text-soft">
            <bdi>“{schedule.note.text}”</bdi> <Instant at={schedule.note.at} />
          </p>
        )}
      </div>
      <div className="relative max-w-full min-w-0">
        {runs.length === 0 ? (
          <p className="text-soft">It has not run yet.</p>
        ) : (
          <>
            <HistoryLinks runs={runs} zone={schedule.timezone} />
            {/* A finger hits no single one of them. */}
            <Link
              to="/schedules/$scheduleId"
              params={{ scheduleId: schedule.id }}
              search={{ tab: 'runs' }}
              className="absolute inset-0 rail:hidden"
              aria-label="Its runs"
            />
          </>
        )}
        <DurationNote schedule={schedule} />
      </div>
    </div>
  );
}

function RunsTab({ schedule }: { readonly schedule: Schedule }) {
  const filter = { schedule: schedule.id };
  const { data, error, refetch, fetchNextPage, hasNextPage, isFetchingNextPage } = useInfiniteQuery(runsQuery(filter));
  const runs = data?.pages.flatMap(({ items }) => items) ?? [];
  return (
    <>
      {error && (
        <div className="p-4">
          <ProblemNote error={error} onRetry={() => void refetch()} />
        </div>
      )}
      {!data && !error && <Waiting />}
      {data && runs.length === 0 && <Empty>Nothing has run yet. “Run now” does not wait for the next instant.</Empty>}
      <RunList runs={runs} zone={schedule.timezone} />
      {runs.length > 0 && (
        <p className="flex flex-wrap items-center gap-3 p-4 rail:px-6">
          {hasNextPage && (
            <Button disabled={isFetchingNextPage} onClick={() => void fetchNextPage()}>
              {isFetchingNextPage ? 'Loading …' : 'Older runs'}
            </Button>
          )}
          <Link to="/runs" search={filter} className="text-soft underline">
            Filter them
          </Link>
        </p>
      )}
    </>
  );
}

function PromptTab({ schedule: { prompt } }: { readonly schedule: Schedule }) {
  const characters = [...prompt].length;
  return (
    <div className="p-4 rail:p-6">
      <p className="mb-2 text-soft">
        {characters.toLocaleString()} {characters === 1 ? 'character' : 'characters'}
      </p>
      <pre
        dir="auto"
        className="max-w-4xl rounded-md border border-line bg-surface px-4 py-3 font-sans [overflow-wrap:anywhere] whitespace-pre-wrap"
      >
        {prompt}
      </pre>
    </div>
  );
}
