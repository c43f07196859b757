import { Link } from '@tanstack/react-router';
import type { Run } from '../api/client';
import { StatusShape } from '../status/status-shape';
import { triggerWord } from '../status/status-words';
import { PHASE_WORDS } from '@crewtab/words/run-words';
import { Instant, Span, ZonedClock } from '../time/instant';
import { stripTerminalCodes } from '../words/clean-terminal-text';
import { costOf } from '../usage/format-usage';
import { firstLine } from '../words/first-line';
import { ScheduleName } from './schedule-name';

/** The columns of a list that has room for them. */
export const RUN_COLUMNS = 'wide:grid-cols-[16px_minmax(160px,1fr)_minmax(0,2fr)_88px_72px_88px_96px]';

type SortedBy = 'duration' | 'cost';

/** Runs, one line each, or two where there is little room; every line leads to its run. */
export function RunList({
  runs,
  isNarrow = false,
  zone,
  sortedBy,
}: {
  readonly runs: readonly Run[];
  readonly isNarrow?: boolean;
  /** Of the schedule that all of them are of: its instants stand where its name would be repeated. */
  readonly zone?: string;
  /** The value that rows show also where there is little room. */
  readonly sortedBy?: SortedBy | undefined;
}) {
  return (
    <ul>
      {runs.map((run) => (
        <li key={run.id} className={`border-b border-line ${isNarrow ? 'last:border-b-0' : ''}`}>
          <RunRow run={run} isNarrow={isNarrow} zone={zone} sortedBy={sortedBy} />
        </li>
      ))}
    </ul>
  );
}

function RunRow({
  run,
  isNarrow,
  zone,
  sortedBy,
}: {
  readonly run: Run;
  readonly isNarrow: boolean;
  readonly zone: string | undefined;
  readonly sortedBy: SortedBy | undefined;
}) {
  const inWide = isNarrow ? 'hidden' : 'max-wide:hidden';
  return (
    <Link
      to="/runs/$runId"
      params={{ runId: run.id }}
      data-row=""
      className={`grid grid-cols-[16px_1fr_auto] items-center gap-x-3 px-4 py-2 hover:bg-hover focus-visible:-outline-offset-2 ${isNarrow ? '' : `rail:px-6 ${RUN_COLUMNS}`}`}
    >
      <StatusShape status={run.status} />
      <span className="min-w-0 truncate font-medium">
        {zone === undefined ? <ScheduleName run={run} /> : <ZonedClock at={run.scheduledFor} zone={zone} />}
      </span>
      <span
        className={`min-w-0 truncate text-soft ${isNarrow ? 'order-last col-span-2 col-start-2' : 'max-wide:order-last max-wide:col-span-2 max-wide:col-start-2'}`}
      >
        <bdi>{describeRun(run)}</bdi>
      </span>
      <span className={`text-soft ${inWide}`}>{triggerWord(run)}</span>
      <span className={`truncate text-right ${inWide}`}>{costOf(run.usage)}</span>
      <span className={`text-right ${inWide}`}>
        <Took run={run} />
      </span>
      <span className="text-right text-soft">
        {sortedBy !== undefined && (
          <span className="wide:hidden">
            <span className="text-ink">{sortedBy === 'cost' ? costOf(run.usage) : <Took run={run} />}</span>
            {' · '}
          </span>
        )}
        <Instant at={run.scheduledFor} />
      </span>
    </Link>
  );
}

function Took({ run: { startedAt, finishedAt } }: { readonly run: Run }) {
  return startedAt && <Span from={startedAt} to={finishedAt} />;
}

/** What a reader wants of a run at first: why it ended so, what it says, where it stands. */
export function describeRun(run: Run): string {
  if (run.error) return `${run.error.code}: ${stripTerminalCodes(run.error.message)}`;
  if (run.result !== null) return firstLine(run.result);
  return PHASE_WORDS[run.phase];
}
