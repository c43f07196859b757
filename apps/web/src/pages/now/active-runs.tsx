import { Link } from '@tanstack/react-router';
import type { OverviewRun } from '../../api/client';
import { Empty, Panel } from '../../parts/panel';
import { StatusShape } from '../../status/status-shape';
import { PHASE_WORDS } from '@crewtab/words/run-words';
import { formatSpan } from '../../time/format-time';
import { useNow } from '../../time/use-now';
import { firstLine } from '../../words/first-line';

/** What runs and what waits, with how far it is and what was said last. */
export function Active({ runs }: { readonly runs: readonly OverviewRun[] }) {
  const running = runs.filter(({ status }) => status === 'running').length;
  const note = running === 0 ? undefined : running;
  return (
    <Panel className="order-2" title="Running" note={note}>
      {runs.length === 0 && <Empty>Nothing runs at the moment.</Empty>}
      <ul>
        {runs.map((run) => (
          <li key={run.id} className="border-b border-line last:border-b-0">
            <Link
              to="/runs/$runId"
              params={{ runId: run.id }}
              data-row=""
              className="grid grid-cols-[16px_1fr_auto] items-center gap-x-3 px-4 py-2 hover:bg-hover focus-visible:-outline-offset-2"
            >
              <StatusShape status={run.status} />
              <span className="min-w-0 truncate">
                <bdi className="font-medium">{run.name}</bdi>{' '}
                <span className="text-soft">{PHASE_WORDS[run.phase]}</span>
              </span>
              <Elapsed run={run} />
              {run.lastWords && (
                <span className="col-span-2 col-start-2 truncate text-soft">
                  <bdi>{run.lastWords.agent}</bdi>: <bdi>{firstLine(run.lastWords.text)}</bdi>
                </span>
              )}
            </Link>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

/** `12 m of 45 m` with a bar; how long it waits where it has not begun. */
function Elapsed({ run }: { readonly run: OverviewRun }) {
  const now = useNow().getTime();
  if (run.startedAt === null || run.deadlineAt === null)
    return <span className="text-soft">for {formatSpan(now - Date.parse(run.scheduledFor))}</span>;
  const start = Date.parse(run.startedAt);
  const whole = Date.parse(run.deadlineAt) - start;
  const share = Math.min(1, Math.max(0, (now - start) / whole));
  return (
    <span className="flex items-center gap-2 whitespace-nowrap text-soft">
      <svg
        viewBox="0 0 100 4"
        preserveAspectRatio="none"
        className="h-1 w-20 rounded-full bg-hover max-rail:hidden"
        aria-hidden
      >
        <rect width={share * 100} height="4" className={share > 0.8 ? 'fill-timeout' : 'fill-running'} />
      </svg>
      {formatSpan(now - start)} of {formatSpan(whole)}
    </span>
  );
}
