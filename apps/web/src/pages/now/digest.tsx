import { Link } from '@tanstack/react-router';
import { ChevronRight } from 'lucide-react';
import type { Overview, OverviewRun, UsageSum } from '../../api/client';
import { Empty, Panel } from '../../parts/panel';
import { StatusShape } from '../../status/status-shape';
import { STATUSES } from '../../status/status-words';
import { formatSpan } from '../../time/format-time';
import { Instant, Span } from '../../time/instant';
import { stripTerminalCodes } from '../../words/clean-terminal-text';
import { costOf, formatCosts } from '../../usage/format-usage';
import { firstLine } from '../../words/first-line';

/** How many are shown before the list of all. */
const SHOWN = 12;

/** What ended since a person was here: counts first, then the first lines of each, readable in place. */
export function Digest({ overview: { digest, at } }: { readonly overview: Overview }) {
  const total = Object.values(digest.counts).reduce((sum, count) => sum + count, 0);
  const atLeast = digest.isComplete ? '' : '+';
  return (
    <Panel className="order-3" title="Since you were here" note={formatSpan(Date.parse(at) - Date.parse(digest.since))}>
      {total === 0 ? (
        <Empty>Nothing ended since then.</Empty>
      ) : (
        <p className="flex flex-wrap items-center gap-x-4 gap-y-1 border-b border-line px-4 py-2 text-soft">
          <span>
            {total}
            {atLeast} {total === 1 ? 'run' : 'runs'}
          </span>
          <Spent usage={digest.usage} isComplete={digest.isComplete} />
          {STATUSES.map((status) => {
            const count = digest.counts[status] ?? 0;
            if (count === 0) return null;
            return (
              <Link
                key={status}
                to="/runs"
                search={{ status, within: '7d' }}
                className="inline-flex items-center gap-1 hover:text-ink"
              >
                <StatusShape status={status} /> {count}
                {atLeast}
              </Link>
            );
          })}
        </p>
      )}
      <ul>
        {digest.runs.slice(0, SHOWN).map((run) => (
          <li key={run.id} className="border-b border-line last:border-b-0">
            <Ended run={run} />
          </li>
        ))}
      </ul>
      {digest.runs.length > SHOWN && (
        <Link to="/runs" search={{ within: '7d' }} data-row="" className="block px-4 py-2 text-soft hover:text-ink">
          All runs of the last days
        </Link>
      )}
    </Panel>
  );
}

/** `$3.12 (4 unknown)`; nothing where no agent was given a task. */
function Spent({ usage, isComplete }: { readonly usage: UsageSum; readonly isComplete: boolean }) {
  if (usage.runs === 0) return null;
  const cost = formatCosts(usage.costs);
  const unknown = usage.unknown.cost;
  const isAtLeast = !isComplete || usage.incomplete.cost > 0;
  return (
    <Link to="/usage" className="order-last hover:text-ink">
      {cost === null ? 'cost unknown' : `${isAtLeast ? '≥ ' : ''}${cost}`}
      {cost !== null && unknown > 0 && ` (${unknown} unknown)`}
    </Link>
  );
}

/** One line; what there is to read opens below it. */
function Ended({ run }: { readonly run: OverviewRun }) {
  const cost = costOf(run.usage);
  const line = run.error ? `${run.error.code}: ${stripTerminalCodes(run.error.message)}` : firstLine(run.excerpt ?? '');
  return (
    <details className="group">
      <summary
        data-row=""
        className="grid cursor-pointer list-none grid-cols-[16px_1fr_auto] items-center gap-x-3 px-4 py-2 hover:bg-hover focus-visible:-outline-offset-2"
      >
        <StatusShape status={run.status} />
        <bdi className="truncate font-medium">{run.name}</bdi>
        <span className="flex items-center gap-1 text-soft">
          <Instant at={run.finishedAt ?? run.scheduledFor} />
          <ChevronRight className="size-3.5 group-open:rotate-90" aria-hidden />
        </span>
        <bdi className="col-span-2 col-start-2 truncate text-soft group-open:hidden">{line}</bdi>
      </summary>
      <div className="px-4 pb-3 pl-11">
        <pre
          dir="auto"
          tabIndex={0}
          className="max-h-60 overflow-auto border-l-2 border-line pl-3 font-sans whitespace-pre-wrap [overflow-wrap:anywhere]"
        >
          {stripTerminalCodes(run.error?.message ?? run.excerpt ?? 'It said nothing.')}
        </pre>
        <p className="mt-2 flex gap-4 text-soft">
          <Link to="/runs/$runId" params={{ runId: run.id }} className="underline">
            Open the run
          </Link>
          {run.startedAt && (
            <span>
              took <Span from={run.startedAt} to={run.finishedAt} />
            </span>
          )}
          {cost !== null && <span>{cost}</span>}
        </p>
      </div>
    </details>
  );
}
