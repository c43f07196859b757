import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { RunMark } from '../api/client';
import { StatusShape } from '../status/status-shape';
import { formatClock, formatSpan, dayIn } from '../time/format-time';
import { useNow } from '../time/use-now';

const BAR_PX = 24;

/** Runs of a schedule, the oldest at the left: each status with a bar for its duration below. */
export function HistoryStrip({ runs }: { readonly runs: readonly RunMark[] }) {
  const now = useNow();
  const longestMs = Math.max(1, ...runs.map((run) => durationOf(run, now) ?? 0));
  return (
    <span className="flex w-full max-w-84 items-end gap-px wide:justify-end" role="img" aria-label={summarize(runs)}>
      {[...runs].reverse().map((run) => (
        <Column key={run.id} run={run} longestMs={longestMs} now={now} />
      ))}
    </span>
  );
}

/** The same as links, one stop of the tab key: arrows move among them, and what they are about is said below. */
export function HistoryLinks({ runs, zone }: { readonly runs: readonly RunMark[]; readonly zone: string }) {
  const now = useNow();
  const oldestFirst = [...runs].reverse();
  const longestMs = Math.max(1, ...runs.map((run) => durationOf(run, now) ?? 0));
  const [shown, setShown] = useState<string | null>(null);
  const stop = shown ?? oldestFirst.at(-1)?.id;
  const told = oldestFirst.find(({ id }) => id === shown);
  return (
    <div className="min-w-0">
      <ul
        aria-label={`Last ${runs.length} runs, oldest first`}
        className="flex w-full items-end rail:w-auto"
        onMouseLeave={() => setShown(null)}
        onBlur={() => setShown(null)}
        onKeyDown={(event) => moveAmongLinks(event)}
      >
        {oldestFirst.map((run) => (
          <li key={run.id} className="min-w-0 max-rail:flex-1">
            <Link
              to="/runs/$runId"
              params={{ runId: run.id }}
              aria-label={describe(run, zone, now)}
              tabIndex={run.id === stop ? 0 : -1}
              onFocus={() => setShown(run.id)}
              onMouseEnter={() => setShown(run.id)}
              className={`flex justify-center px-px pt-1 rail:w-3 max-rail:pointer-events-none ${run.id === shown ? 'bg-hover' : ''}`}
            >
              <Column run={run} longestMs={longestMs} now={now} />
            </Link>
          </li>
        ))}
      </ul>
      <p className="h-5 truncate text-xs leading-5 text-soft" aria-hidden>
        {told ? describe(told, zone, now) : ''}
      </p>
    </div>
  );
}

function Column({ run, longestMs, now }: { readonly run: RunMark; readonly longestMs: number; readonly now: Date }) {
  const durationMs = durationOf(run, now);
  const height = durationMs === null ? 0 : Math.max(2, Math.round((durationMs / longestMs) * BAR_PX));
  return (
    <span
      aria-hidden
      className="flex max-w-2.5 min-w-0 flex-1 flex-col items-center justify-end gap-0.5 [&>svg]:size-2.5 [&>svg]:max-w-full"
    >
      <StatusShape status={run.status} isNamed />
      <span className="w-1.5 rounded-xs bg-idle/40" style={{ height }} />
    </span>
  );
}

function moveAmongLinks(event: React.KeyboardEvent<HTMLElement>): void {
  const links = [...event.currentTarget.querySelectorAll<HTMLElement>('a')];
  const at = links.indexOf(document.activeElement as HTMLElement);
  const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: links.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  links[Math.min(links.length - 1, Math.max(0, to))]?.focus();
}

/** Null of what never began. */
function durationOf({ startedAt, finishedAt }: RunMark, now: Date): number | null {
  if (startedAt === null) return null;
  return (finishedAt === null ? now.getTime() : Date.parse(finishedAt)) - Date.parse(startedAt);
}

function describe(run: RunMark, zone: string, now: Date): string {
  const durationMs = durationOf(run, now);
  const at = formatClock(new Date(run.scheduledFor), dayIn(now, zone), zone);
  return `${at} ${run.status}${durationMs === null ? '' : `, ${formatSpan(durationMs)}`}`;
}

/** `Last 30 runs: 28 success, 2 failed` */
function summarize(runs: readonly RunMark[]): string {
  const counts = new Map<string, number>();
  for (const { status } of runs) counts.set(status, (counts.get(status) ?? 0) + 1);
  const parts = [...counts].map(([status, count]) => `${count} ${status}`);
  return runs.length === 0 ? 'no runs' : `Last ${runs.length} runs: ${parts.join(', ')}`;
}
