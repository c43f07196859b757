import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { Run, Schedule } from '../../api/client';
import { runsQuery } from '../../api/queries';
import { Button } from '../../parts/button';
import { MoreButton } from '../../parts/more-button';
import { Empty, Waiting } from '../../parts/panel';
import { ProblemNote } from '../../parts/problem-note';
import { Span, ZonedClock } from '../../time/instant';
import { stripTerminalCodes } from '../../words/clean-terminal-text';

/** From so many characters on a result is cut; the run's page has all of it. */
const CUT = 600;

/** What its runs answered, the newest first, to be read one below the other. */
export function ResultsTab({ schedule }: { readonly schedule: Schedule }) {
  const query = useInfiniteQuery(runsQuery({ schedule: schedule.id, status: 'success' }));
  const { data, error, refetch } = query;
  const runs = data?.pages.flatMap(({ items }) => items) ?? [];
  return (
    <div className="flex flex-col gap-3 p-4 rail:p-6">
      {error && <ProblemNote error={error} onRetry={() => void refetch()} />}
      {!data && !error && <Waiting />}
      {data && runs.length === 0 && <Empty>No run of it has succeeded yet.</Empty>}
      {runs.map((run) => (
        <Result key={run.id} run={run} zone={schedule.timezone} />
      ))}
      <MoreButton list={query}>Earlier results</MoreButton>
    </div>
  );
}

function Result({ run, zone }: { readonly run: Run; readonly zone: string }) {
  const [isWhole, setWhole] = useState(false);
  const text = stripTerminalCodes(run.result ?? '');
  const isCut = !isWhole && text.length > CUT;
  return (
    <article className="max-w-4xl rounded-md border border-line bg-surface">
      <h2 className="flex flex-wrap items-center gap-x-3 border-b border-line px-4 py-2">
        <Link to="/runs/$runId" params={{ runId: run.id }} data-row="" className="font-medium hover:underline">
          <ZonedClock at={run.scheduledFor} zone={zone} />
        </Link>
        {run.startedAt && (
          <span className="text-soft">
            <Span from={run.startedAt} to={run.finishedAt} />
          </span>
        )}
      </h2>
      <div dir="auto" className="overflow-clip px-4 py-3 [overflow-wrap:anywhere] whitespace-pre-wrap">
        {text === '' ? <span className="text-soft">It said nothing.</span> : isCut ? `${text.slice(0, CUT)}…` : text}
      </div>
      {(isCut || run.resultTruncated) && (
        <p className="px-4 pb-3">
          {isCut ? (
            <Button look="bare" onClick={() => setWhole(true)}>
              More of it
            </Button>
          ) : (
            <Link to="/runs/$runId" params={{ runId: run.id }} className="text-soft underline">
              All of it
            </Link>
          )}
        </p>
      )}
    </article>
  );
}
