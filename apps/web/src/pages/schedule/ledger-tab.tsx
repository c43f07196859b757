import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { Schedule } from '../../api/client';
import { ledgerQuery } from '../../api/queries';
import { MoreButton } from '../../parts/more-button';
import { Empty, Waiting } from '../../parts/panel';
import { ProblemNote } from '../../parts/problem-note';
import { StatusShape } from '../../status/status-shape';
import { dayIn, formatClock, formatInstant, formatSpan } from '../../time/format-time';
import { Instant, Span, ZonedClock } from '../../time/instant';
import { useNow } from '../../time/use-now';
import { mergeLedger, type LedgerEntry, type Pause } from './merge-ledger';

/** Every instant and what became of it; a pause is a band, since its instants have no runs. */
export function LedgerTab({ schedule }: { readonly schedule: Schedule }) {
  const query = useInfiniteQuery(ledgerQuery(schedule.id));
  const { data, error, refetch } = query;
  const rows = mergeLedger(data?.pages ?? []);
  return (
    <>
      {error && (
        <div className="p-4">
          <ProblemNote error={error} onRetry={() => void refetch()} />
        </div>
      )}
      {!data && !error && <Waiting />}
      {data && rows.length === 0 && <Empty>No instant of it has come yet.</Empty>}
      <ol>
        {schedule.nextRunAt !== null && (
          <li className="grid grid-cols-[16px_1fr] items-center gap-x-3 border-b border-line px-4 py-2 text-soft rail:px-6">
            <StatusShape status="queued" isNamed />
            <span>
              <ZonedClock at={schedule.nextRunAt} zone={schedule.timezone} /> · due{' '}
              <Instant at={schedule.nextRunAt} zone={schedule.timezone} />
            </span>
          </li>
        )}
        {rows.map((row) => (
          <li key={row.key} className="border-b border-line">
            {row.pause ? (
              <PauseBand pause={row.pause} zone={schedule.timezone} />
            ) : (
              <EntryRow entry={row.entry} zone={schedule.timezone} />
            )}
          </li>
        ))}
      </ol>
      <MoreButton list={query}>Earlier instants</MoreButton>
    </>
  );
}

function EntryRow({ entry, zone }: { readonly entry: LedgerEntry; readonly zone: string }) {
  const { run, lagMs } = entry;
  return (
    <Link
      to="/runs/$runId"
      params={{ runId: run.id }}
      data-row=""
      className="grid grid-cols-[16px_1fr_auto] items-center gap-x-3 px-4 py-2 hover:bg-hover focus-visible:-outline-offset-2 rail:px-6 wide:grid-cols-[16px_220px_88px_minmax(0,1fr)_88px]"
    >
      <StatusShape status={run.status} />
      <span className="min-w-0 truncate font-medium">
        <ZonedClock at={entry.at} zone={zone} />
      </span>
      <span className="max-wide:hidden">{run.status}</span>
      <span className="min-w-0 text-soft max-wide:order-last max-wide:col-span-2 max-wide:col-start-2 [overflow-wrap:anywhere]">
        <What entry={entry} zone={zone} />
        {lagMs !== null && entry.reason === null && (
          <>
            {run.trigger === 'catchup' ? 'caught up' : 'fired'} {formatSpan(lagMs)} late
          </>
        )}
      </span>
      <span className="text-right">{run.startedAt && <Span from={run.startedAt} to={run.finishedAt} />}</span>
    </Link>
  );
}

/** Why it did not run, and what another policy would have made of this one instant. */
function What({ entry: { reason, otherwise }, zone }: { readonly entry: LedgerEntry; readonly zone: string }) {
  const today = dayIn(useNow(), zone);
  if (!reason) return null;
  const clock = (at: string): string => formatClock(new Date(at), today, zone);
  const why = reason.runId
    ? `run ${reason.runId.slice(-6)} was still active`
    : reason.from && reason.to
      ? `no scheduler ran from ${clock(reason.from)} to ${clock(reason.to)}`
      : reason.message;
  const other =
    otherwise?.policy === 'allow'
      ? `with overlap “allow” it would have started beside ${otherwise.runId ? `run ${otherwise.runId.slice(-6)}` : 'it'}`
      : otherwise
        ? `with catch-up “${otherwise.policy}” it would have run afterwards, if within the window`
        : null;
  return (
    <>
      {why}
      {other && <span className="max-rail:hidden"> · {other}</span>}
    </>
  );
}

function PauseBand({ pause, zone }: { readonly pause: Pause; readonly zone: string }) {
  const today = dayIn(useNow(), zone);
  const clock = (at: string): string => formatClock(new Date(at), today, zone);
  const count = `${pause.instants.length}${pause.hasMore ? '+' : ''}`;
  return (
    <div className="hatched flex flex-col gap-1 px-4 py-2 rail:px-6">
      <p>
        <span className="font-medium">paused</span> {clock(pause.from)} – {pause.to === null ? 'now' : clock(pause.to)}
        {pause.note !== null && (
          <>
            {' '}
            · <bdi>“{pause.note}”</bdi>
          </>
        )}
      </p>
      {pause.instants.length > 0 && (
        <p className="flex flex-wrap items-center gap-x-2 text-xs text-soft">
          {count} {pause.instants.length === 1 ? 'instant' : 'instants'} did not fire:
          {pause.instants.slice(0, 6).map((at) => (
            <time key={at} dateTime={at} title={formatInstant(new Date(at), zone)} className="whitespace-nowrap">
              {clock(at)}
            </time>
          ))}
          {pause.instants.length > 6 && '…'}
        </p>
      )}
    </div>
  );
}
