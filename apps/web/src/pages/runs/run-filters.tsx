import { ApiProblem } from '@crewtab/api-client/api-problem';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { ListFilter, SlidersHorizontal } from 'lucide-react';
import { useEffect, useId, useState } from 'react';
import { runCountsQuery, schedulesQuery, teamsQuery, WITHIN_MS, type RunFilter, type Within } from '../../api/queries';
import { useScheduleName } from '../../parts/schedule-name';
import { StatusShape } from '../../status/status-shape';
import { STATUSES, TRIGGERS } from '../../status/status-words';
import { STATUS_WORDS, TRIGGER_WORDS } from '@crewtab/words/run-words';
import { viewerZone } from '../../time/format-time';
import { fromLocalField, SORT_WORDS, SORTS, toLocalField } from './run-search';

const WITHIN_WORDS: Readonly<Record<Within, string>> = {
  '24h': 'last 24 hours',
  '7d': 'last 7 days',
  '30d': 'last 30 days',
};

/** As the API names the bounds. */
const RANGE_FIELDS = ['since', 'until', 'minDuration', 'maxDuration', 'minCost', 'maxCost'];

/** Whether all that an error says stands at the fields of ranges. */
export function isOfRanges(error: Error): boolean {
  return (
    error instanceof ApiProblem &&
    error.errors.length > 0 &&
    error.errors.every(({ path }) => RANGE_FIELDS.includes(path))
  );
}

const TOOL =
  'inline-flex h-7 shrink-0 items-center gap-1.5 rounded-md border border-line bg-surface px-2 whitespace-nowrap hover:bg-hover';

/** A filter, changed in some of its fields; undefined takes one out. */
type Change = { [Field in keyof RunFilter]?: RunFilter[Field] | undefined };

/** What the list is narrowed to. All of it stands in the address. */
export function RunFilters({
  filter,
  error,
  isListed: isListThere,
}: {
  readonly filter: RunFilter;
  readonly error: Error | null;
  /** The list has come: a filter that is refused is not asked for its counts too. */
  readonly isListed: boolean;
}) {
  const navigate = useNavigate();
  const { data } = useQuery(schedulesQuery);
  const { data: teams } = useQuery(teamsQuery);
  const { data: counts } = useQuery({ ...runCountsQuery(filter), enabled: isListThere });
  const set = (change: Change): void => {
    const next = Object.entries({ ...filter, ...change }).filter(([, value]) => value !== undefined);
    void navigate({ to: '/runs', search: Object.fromEntries(next) });
  };
  const schedules = data?.items ?? [];
  const isListed = schedules.some(({ id }) => id === filter.schedule);
  const ownRanges = ['from', 'to', 'minDuration', 'maxDuration', 'minCost', 'maxCost'] as const;
  const owned = ownRanges.filter((name) => filter[name] !== undefined).length;
  const [isWanted, setWanted] = useState(owned > 0);
  // A fault is not hidden.
  const isOpen = isWanted || (error !== null && isOfRanges(error));
  const rangesId = useId();
  const [isShown, setShown] = useState(false);
  const chosen = (['schedule', 'team', 'code', 'trigger', 'within'] as const).filter((name) => filter[name]).length;
  return (
    <div className="z-1 border-b border-line bg-ground px-4 py-2.5 rail:sticky rail:top-0 rail:px-6">
      <div className="flex flex-wrap items-center gap-x-2 gap-y-2">
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
        <div role="group" aria-label="More filters" className="flex flex-wrap gap-2 max-rail:w-full">
          <button
            type="button"
            aria-expanded={isShown}
            onClick={() => setShown(!isShown)}
            className={`${TOOL} -order-1 rail:hidden`}
          >
            <ListFilter className="size-3.5" aria-hidden /> Filters
            {chosen > 0 && <span className="text-xs text-soft">{chosen}</span>}
          </button>
          <Choice
            isFolded={!isShown}
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
            isFolded={!isShown}
            name="Team"
            value={filter.team}
            onChange={(team) => set({ team })}
            options={listed(filter.team, teams?.items.map(({ id, name }) => [id, name] as const) ?? [])}
            all="all teams"
          />
          <Choice
            isFolded={!isShown}
            name="Code"
            value={filter.code}
            onChange={(code) => set({ code })}
            options={listed(filter.code, counts?.codes.map((code) => [code, code] as const) ?? [])}
            all="however ended"
          />
          <Choice
            isFolded={!isShown}
            name="Trigger"
            value={filter.trigger}
            onChange={(value) => set({ trigger: TRIGGERS.find((one) => one === value) })}
            options={TRIGGERS.map((one) => [one, TRIGGER_WORDS[one]] as const)}
            all="however started"
          />
          <Choice
            isFolded={!isShown}
            name="Time"
            value={filter.within}
            onChange={(value) =>
              set({
                ...{ within: (Object.keys(WITHIN_MS) as Within[]).find((one) => one === value) },
                ...{ from: undefined, to: undefined },
              })
            }
            options={(Object.keys(WITHIN_MS) as Within[]).map((one) => [one, WITHIN_WORDS[one]] as const)}
            all={filter.from === undefined && filter.to === undefined ? 'any time' : 'own range'}
          />
          <button
            type="button"
            aria-expanded={isOpen}
            aria-controls={rangesId}
            onClick={() => setWanted(!isOpen)}
            className={`${TOOL} max-rail:-order-1`}
          >
            <SlidersHorizontal className="size-3.5" aria-hidden /> Ranges
            {owned > 0 && <span className="text-xs text-soft">{owned}</span>}
          </button>
          <span className="max-rail:-order-1 wide:hidden">
            <Choice
              name="Order"
              value={filter.sort}
              onChange={(value) => set({ sort: SORTS.find((one) => one === value) })}
              options={SORTS.filter((one) => one !== 'newest').map((one) => [one, SORT_WORDS[one]] as const)}
              all={SORT_WORDS.newest}
            />
          </span>
        </div>
      </div>
      <div id={rangesId} hidden={!isOpen}>
        {isOpen && <Ranges filter={filter} error={error} onChange={set} />}
      </div>
    </div>
  );
}

/** Bounds of one's own; each is asked for when the person leaves its field. */
function Ranges({
  filter,
  error,
  onChange,
}: {
  readonly filter: RunFilter;
  readonly error: Error | null;
  readonly onChange: (change: Change) => void;
}) {
  const problemOf = (...paths: readonly string[]): string | undefined =>
    error instanceof ApiProblem ? error.errors.find(({ path }) => paths.includes(path))?.message : undefined;
  return (
    <div className="grid grid-cols-2 gap-x-3 gap-y-2 pt-2.5 rail:flex rail:flex-wrap rail:items-start">
      <Bound
        {...{ label: `Due from (${viewerZone()})`, type: 'datetime-local', problem: problemOf('since') }}
        className="max-rail:col-span-2"
        value={filter.from === undefined ? '' : toLocalField(filter.from)}
        onChange={(text) => onChange({ from: fromLocalField(text), within: undefined })}
      />
      <Bound
        {...{ label: 'Due before', type: 'datetime-local', problem: problemOf('until') }}
        className="max-rail:col-span-2"
        value={filter.to === undefined ? '' : toLocalField(filter.to)}
        onChange={(text) => onChange({ to: fromLocalField(text), within: undefined })}
      />
      <Bound
        {...{ label: 'Took at least', placeholder: '10m', problem: problemOf('minDuration') }}
        value={filter.minDuration ?? ''}
        onChange={(text) => onChange({ minDuration: text === '' ? undefined : text })}
      />
      <Bound
        {...{ label: 'Took at most', placeholder: '1h30m', problem: problemOf('maxDuration') }}
        value={filter.maxDuration ?? ''}
        onChange={(text) => onChange({ maxDuration: text === '' ? undefined : text })}
      />
      <Bound
        {...{ label: 'Cost at least', placeholder: '0.50', problem: problemOf('minCost') }}
        value={filter.minCost ?? ''}
        onChange={(text) => onChange({ minCost: text === '' ? undefined : text })}
      />
      <Bound
        {...{ label: 'Cost at most', placeholder: '5', problem: problemOf('maxCost') }}
        value={filter.maxCost ?? ''}
        onChange={(text) => onChange({ maxCost: text === '' ? undefined : text })}
      />
    </div>
  );
}

function Bound({
  label,
  type = 'text',
  placeholder,
  problem,
  value,
  onChange,
  className = '',
}: {
  readonly label: string;
  readonly type?: 'text' | 'datetime-local';
  readonly placeholder?: string;
  /** The API's words for what is wrong with it. */
  readonly problem?: string | undefined;
  readonly value: string;
  readonly onChange: (text: string) => void;
  readonly className?: string;
}) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const noteId = useId();
  const commit = (): void => {
    if (text.trim() !== value) onChange(text.trim());
  };
  return (
    <label className={`min-w-0 text-xs text-soft ${type === 'text' ? 'rail:w-36' : 'rail:w-52'} ${className}`}>
      {label}
      <input
        type={type}
        value={text}
        placeholder={placeholder}
        aria-invalid={problem === undefined ? undefined : true}
        aria-describedby={problem === undefined ? undefined : noteId}
        onChange={({ target }) => setText(target.value)}
        onBlur={commit}
        onKeyDown={({ key }) => {
          if (key === 'Enter') commit();
        }}
        className="mt-0.5 block h-7 w-full min-w-0 rounded-md border border-line bg-surface px-2 text-sm text-ink aria-invalid:border-failed"
      />
      {problem !== undefined && (
        <span id={noteId} role="alert" className="mt-0.5 block text-failed [overflow-wrap:anywhere]">
          {problem}
        </span>
      )}
    </label>
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
  isFolded = false,
}: {
  readonly name: string;
  readonly value: string | undefined;
  readonly onChange: (value: string | undefined) => void;
  readonly options: readonly (readonly [string, React.ReactNode])[];
  /** What it says without a choice. */
  readonly all: string;
  /** Not shown on a phone. */
  readonly isFolded?: boolean;
}) {
  return (
    <select
      aria-label={name}
      value={value ?? ''}
      onChange={({ target }) => onChange(target.value === '' ? undefined : target.value)}
      className={`h-7 rounded-md border border-line bg-surface px-1.5 max-rail:max-w-full rail:max-w-[168px] rail:shrink-0 ${isFolded ? 'max-rail:hidden' : ''}`}
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
