import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import {
  runCountsQuery,
  runsQuery,
  schedulesQuery,
  teamsQuery,
  WITHIN_MS,
  type RunFilter,
  type Within,
} from '../../api/queries';
import { Page } from '../../app/shell';
import { MoreButton } from '../../parts/more-button';
import { Empty, Waiting } from '../../parts/panel';
import { ProblemNote } from '../../parts/problem-note';
import { RunList } from '../../parts/run-list';
import { useScheduleName } from '../../parts/schedule-name';
import { StatusShape } from '../../status/status-shape';
import { STATUS_WORDS, STATUSES, TRIGGER_WORDS, TRIGGERS } from '../../status/status-words';

const WITHIN_WORDS: Readonly<Record<Within, string>> = {
  '24h': 'last 24 hours',
  '7d': 'last 7 days',
  '30d': 'last 30 days',
};

/** Every run, newest first; what is filtered stands in the address, so that a list can be kept and sent. */
export function RunsPage() {
  const filter = useSearch({ from: '/runs' });
  const list = useInfiniteQuery(runsQuery(filter));
  const { data, error, refetch } = list;
  const runs = data?.pages.flatMap(({ items }) => items) ?? [];
  const isFiltered = Object.keys(filter).length > 0;
  return (
    <Page title="Runs">
      <Filters filter={filter} />
      {error && (
        <div className="p-4">
          <ProblemNote error={error} onRetry={() => void refetch()} />
        </div>
      )}
      {!data && !error && <Waiting />}
      {data && runs.length === 0 && (
        <Empty>
          {isFiltered ? (
            <>
              No run is like that.{' '}
              <Link to="/runs" className="underline">
                Show all
              </Link>
            </>
          ) : (
            <>
              Nothing has run yet.{' '}
              <Link to="/schedules" className="underline">
                Schedules
              </Link>{' '}
              can be run at once.
            </>
          )}
        </Empty>
      )}
      <RunList runs={runs} />
      <MoreButton list={list}>Older runs</MoreButton>
    </Page>
  );
}

function Filters({ filter }: { readonly filter: RunFilter }) {
  const navigate = useNavigate();
  const { data } = useQuery(schedulesQuery);
  const { data: teams } = useQuery(teamsQuery);
  const { data: counts } = useQuery(runCountsQuery(filter));
  const set = (change: { [Field in keyof RunFilter]?: RunFilter[Field] | undefined }): void => {
    const next = Object.entries({ ...filter, ...change }).filter(([, value]) => value !== undefined);
    void navigate({ to: '/runs', search: Object.fromEntries(next) });
  };
  const schedules = data?.items ?? [];
  const isListed = schedules.some(({ id }) => id === filter.schedule);
  return (
    <div className="z-1 flex flex-wrap items-center gap-x-2 gap-y-2 border-b border-line bg-ground px-4 py-2.5 rail:sticky rail:top-0 rail:px-6">
      <div
        role="group"
        aria-label="Status"
        className="-ml-1.5 flex gap-0.5 max-rail:w-full max-rail:overflow-x-auto rail:mr-auto rail:flex-wrap"
      >
        {STATUSES.map((status) => (
          <button
            key={status}
            type="button"
            aria-pressed={filter.status === status}
            title={STATUS_WORDS[status]}
            onClick={() => set({ status: filter.status === status ? undefined : status })}
            className="inline-flex h-7 items-center gap-1.5 rounded-md border border-transparent px-1.5 text-soft hover:bg-hover aria-pressed:border-line aria-pressed:bg-surface aria-pressed:text-ink"
          >
            <StatusShape status={status} isNamed />
            {status}
            {counts && <Count of={counts.byStatus[status] ?? 0} limit={counts.limit} />}
          </button>
        ))}
      </div>
      <div role="group" aria-label="More filters" className="flex gap-2 max-rail:w-full max-rail:overflow-x-auto">
        <Choice
          name="Schedule"
          value={filter.schedule}
          onChange={(schedule) => set({ schedule })}
          options={[
            ...(filter.schedule !== undefined && !isListed
              ? [[filter.schedule, <Unlisted key="" id={filter.schedule} />] as const]
              : []),
            ...schedules.map(({ id, name }) => [id, name] as const),
          ]}
          all="all schedules"
        />
        <Choice
          name="Team"
          value={filter.team}
          onChange={(team) => set({ team })}
          options={listed(filter.team, teams?.items.map(({ id, name }) => [id, name] as const) ?? [])}
          all="all teams"
        />
        <Choice
          name="Code"
          value={filter.code}
          onChange={(code) => set({ code })}
          options={listed(filter.code, counts?.codes.map((code) => [code, code] as const) ?? [])}
          all="however ended"
        />
        <Choice
          name="Trigger"
          value={filter.trigger}
          onChange={(value) => set({ trigger: TRIGGERS.find((one) => one === value) })}
          options={TRIGGERS.map((one) => [one, TRIGGER_WORDS[one]] as const)}
          all="however started"
        />
        <Choice
          name="Time"
          value={filter.within}
          onChange={(value) => set({ within: (Object.keys(WITHIN_MS) as Within[]).find((one) => one === value) })}
          options={(Object.keys(WITHIN_MS) as Within[]).map((one) => [one, WITHIN_WORDS[one]] as const)}
          all="any time"
        />
      </div>
    </div>
  );
}

/** With what was chosen, also where it is no choice any more. */
function listed(
  chosen: string | undefined,
  options: readonly (readonly [string, string])[],
): readonly (readonly [string, string])[] {
  const isThere = chosen === undefined || options.some(([key]) => key === chosen);
  return isThere ? options : [[chosen, chosen.slice(-MAX_SHOWN)], ...options];
}

/** Of an id, as it is shown elsewhere; codes are short. */
const MAX_SHOWN = 24;

function Count({ of, limit }: { readonly of: number; readonly limit: number }) {
  return (
    <span className={`text-xs ${of === 0 ? 'opacity-60' : ''}`}>
      {of.toLocaleString()}
      {of >= limit && '+'}
    </span>
  );
}

function Unlisted({ id }: { readonly id: string }) {
  return <>{useScheduleName({ scheduleId: id, teamName: '' })}</>;
}

function Choice({
  name,
  value,
  onChange,
  options,
  all,
}: {
  readonly name: string;
  readonly value: string | undefined;
  readonly onChange: (value: string | undefined) => void;
  readonly options: readonly (readonly [string, React.ReactNode])[];
  /** What it says without a choice. */
  readonly all: string;
}) {
  return (
    <select
      aria-label={name}
      value={value ?? ''}
      onChange={({ target }) => onChange(target.value === '' ? undefined : target.value)}
      className="h-7 max-w-40 shrink-0 rounded-md border border-line bg-surface px-1.5"
    >
      <option value="">{all}</option>
      {options.map(([key, words]) => (
        <option key={key} value={key}>
          {words}
        </option>
      ))}
    </select>
  );
}
