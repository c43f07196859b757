import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Fragment } from 'react';
import { agendaQuery } from '../../api/queries';
import { MoreButton } from '../../parts/more-button';
import { Empty, Waiting } from '../../parts/panel';
import { ProblemNote } from '../../parts/problem-note';
import { StatusShape } from '../../status/status-shape';
import { formatSpan, viewerZone } from '../../time/format-time';
import { useNow } from '../../time/use-now';
import { agendaOf, type AgendaEntry } from './agenda-entries';
import type { Window } from './calendar-window';

/** The same as a list, by days: what comes first, then what was. */
export function AgendaView({ window, q }: { readonly window: Window; readonly q: string | undefined }) {
  const now = useNow();
  const query = useInfiniteQuery(agendaQuery(window, q));
  const { data, error, refetch } = query;
  if (error)
    return (
      <div className="p-4">
        <ProblemNote error={error} onRetry={() => void refetch()} />
      </div>
    );
  if (!data) return <Waiting />;
  const lanes = data.pages.flatMap(({ items }) => items);
  const { ahead, past, crowded } = agendaOf(lanes, Math.floor(now.getTime() / 60_000) * 60_000);
  return (
    <div className="pb-6">
      {ahead.length + past.length + crowded.length === 0 && <Empty>Nothing in this span.</Empty>}
      <Days title="Due" entries={ahead} />
      <Days title="Was" entries={past} />
      {crowded.length > 0 && (
        <section className="px-4 pt-4 rail:px-6">
          <h2 className="font-semibold">Too many to list</h2>
          <ul>
            {crowded.map(({ id, name, runs }) => (
              <li key={id}>
                <Link to="/schedules/$scheduleId" params={{ scheduleId: id }} data-row="" className="hover:underline">
                  <bdi>{name}</bdi>
                </Link>{' '}
                <span className="text-soft">{runs.toLocaleString()} runs</span>
              </li>
            ))}
          </ul>
        </section>
      )}
      <MoreButton list={query}>{`Of more than these ${lanes.length} schedules`}</MoreButton>
    </div>
  );
}

function Days({ title, entries }: { readonly title: string; readonly entries: readonly AgendaEntry[] }) {
  if (entries.length === 0) return null;
  const day = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
  const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  const isNewDay = (index: number): boolean =>
    index === 0 || day.format(entries[index]?.at) !== day.format(entries[index - 1]?.at);
  return (
    <section aria-label={title}>
      <h2 className="px-4 pt-4 font-semibold rail:px-6">
        {title} <span className="font-normal text-soft">{viewerZone()}</span>
      </h2>
      <ol>
        {entries.map((entry, index) => (
          <Fragment key={entry.key}>
            {isNewDay(index) && <li className="px-4 pt-3 pb-1 text-soft rail:px-6">{day.format(entry.at)}</li>}
            <li className="border-b border-line">
              <EntryLink entry={entry}>
                <span>{clock.format(entry.at)}</span>
                <StatusShape
                  status={entry.status === 'due' ? 'queued' : entry.status}
                  isNamed={entry.status === 'due'}
                />
                <bdi className="min-w-0 truncate font-medium">{entry.name}</bdi>
                <span className="text-soft">{entry.durationMs === null ? '' : formatSpan(entry.durationMs)}</span>
              </EntryLink>
            </li>
          </Fragment>
        ))}
      </ol>
    </section>
  );
}

const ROW =
  'grid grid-cols-[44px_16px_1fr_auto] items-center gap-x-3 px-4 py-2 hover:bg-hover focus-visible:-outline-offset-2 rail:px-6';

function EntryLink({ entry, children }: { readonly entry: AgendaEntry; readonly children: React.ReactNode }) {
  return entry.runId === null ? (
    <Link to="/schedules/$scheduleId" params={{ scheduleId: entry.scheduleId }} data-row="" className={ROW}>
      {children}
    </Link>
  ) : (
    <Link to="/runs/$runId" params={{ runId: entry.runId }} data-row="" className={ROW}>
      {children}
    </Link>
  );
}
