import type { AnswerOf, Routes } from '@crewtab/api-client/route-types';
import { Panel } from '../../parts/panel';
import { MIN_SAMPLE } from '../../parts/duration-stats';
import { dayIn, formatClock, formatRelative, formatSpan, viewerZone, zoneName } from '../../time/format-time';
import { useNow } from '../../time/use-now';
import { readDuration } from './policy-plans';

export type Forecast = AnswerOf<Routes['POST /forecast']>;

/** What a draft means: when it fires, how its runs lie beside each other, and how near they come to the timeout. */
export function Meaning({
  forecast,
  timeout,
  isStored,
}: {
  readonly forecast: Forecast;
  readonly timeout: string;
  /** A schedule that may have run. */
  readonly isStored: boolean;
}) {
  return (
    <>
      <Panel title="Next instants" note={forecast.description}>
        <Instants forecast={forecast} />
      </Panel>
      <Panel title="Overlap" note={isStored ? undefined : 'known once it has run'}>
        <OverlapForecast forecast={forecast} />
      </Panel>
      <Panel title="Timeout" note={timeout}>
        <TimeoutForecast forecast={forecast} timeout={timeout} />
      </Panel>
    </>
  );
}

/** `UTC+1` */
function offsetIn(at: Date, timeZone: string): string {
  const parts = new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'shortOffset' }).formatToParts(at);
  return parts.find(({ type }) => type === 'timeZoneName')?.value.replace('GMT', 'UTC') ?? '';
}

function Instants({ forecast: { occurrences, timezone } }: { readonly forecast: Forecast }) {
  const now = useNow();
  const date = new Intl.DateTimeFormat(undefined, {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    timeZone: timezone,
  });
  const instants = occurrences.map((at) => new Date(at));
  const isElsewhere = instants.some((at) => offsetIn(at, timezone) !== offsetIn(at, viewerZone()));
  return (
    <ol className="px-4 py-2">
      {instants.map((at, index) => {
        const before = instants[index - 1];
        const [offset, offsetBefore] = [offsetIn(at, timezone), before && offsetIn(before, timezone)];
        const day = dayIn(at, timezone);
        return (
          <li key={at.getTime()}>
            {offsetBefore !== undefined && offset !== offsetBefore && (
              <p className="my-0.5 border-t border-dashed border-line pt-0.5 text-xs text-timeout">
                clocks change: {offsetBefore} → {offset}
              </p>
            )}
            <time dateTime={at.toISOString()} className="grid grid-cols-[104px_auto_1fr] items-baseline gap-x-3 py-0.5">
              <span className={before && dayIn(before, timezone) === day ? 'text-soft' : ''}>{date.format(at)}</span>
              <span>
                {formatClock(at, day, timezone)} {zoneName(timezone)}
                {isElsewhere && <span className="text-soft"> · {formatClock(at, day)} you</span>}
              </span>
              <span className="text-right text-soft">{index === 0 ? formatRelative(at, now) : ''}</span>
            </time>
          </li>
        );
      })}
    </ol>
  );
}

const WIDTH = 400;
const ROW = 7;

/** Each of the next instants with the time that its run is expected to take: half of the runs, and nineteen of twenty. */
function OverlapForecast({ forecast: { occurrences, expected, overlap, stats } }: { readonly forecast: Forecast }) {
  if (!expected || overlap.probability === null)
    return (
      <p className="px-4 py-3 text-soft">
        Too few runs to say: {stats.n} of at least {MIN_SAMPLE}.
      </p>
    );
  const instants = occurrences.map((at) => Date.parse(at));
  const from = instants[0] ?? 0;
  const to = Math.max(from + 1, ...instants.map((at) => at + expected.p95Seconds * 1_000));
  const x = (at: number): number => ((at - from) / (to - from)) * WIDTH;
  const percent = Math.round(overlap.probability * 1_000) / 10;
  return (
    <div className="px-4 py-3">
      <svg
        viewBox={`0 0 ${WIDTH} ${instants.length * ROW + 2}`}
        className="w-full"
        role="img"
        aria-label={`Runs overlap with a probability of ${percent} percent`}
      >
        {instants.map((at, index) => {
          const next = instants[index + 1] ?? Number.POSITIVE_INFINITY;
          const y = index * ROW + 1;
          const p95 = at + expected.p95Seconds * 1_000;
          return (
            <g key={at}>
              <path d={`M${x(at)} 0v${instants.length * ROW + 2}`} className="stroke-line" strokeWidth="0.5" />
              <rect
                x={x(at)}
                y={y}
                width={Math.max(1, x(p95) - x(at))}
                height={ROW - 2}
                rx="1"
                className={p95 > next ? 'fill-timeout opacity-50' : 'fill-running opacity-30'}
              />
              <rect
                x={x(at)}
                y={y}
                width={Math.max(1, x(at + expected.p50Seconds * 1_000) - x(at))}
                height={ROW - 2}
                rx="1"
                className="fill-running"
              />
            </g>
          );
        })}
      </svg>
      <p className="mt-2">
        {percent === 0
          ? 'No run of the past would have met the next one'
          : `${percent} % of the runs of the past would have met the next one`}{' '}
        <span className="text-soft">
          (p50 {formatSpan(expected.p50Seconds * 1_000)}, p95 {formatSpan(expected.p95Seconds * 1_000)}, n = {overlap.n}
          )
        </span>
      </p>
    </div>
  );
}

function TimeoutForecast({
  forecast: { stats, timeout: counted },
  timeout,
}: {
  readonly forecast: Forecast;
  readonly timeout: string;
}) {
  const timeoutMs = readDuration(timeout);
  if (!counted || stats.p50Seconds === null || stats.p95Seconds === null || timeoutMs === null)
    return <p className="px-4 py-3 text-soft">No run yet to hold it against. A run that takes longer is stopped.</p>;
  const share = (seconds: number): string => `${Math.min(100, (seconds * 100_000) / timeoutMs)}%`;
  const isNear = counted.near > 0;
  return (
    <div className="px-4 py-3">
      <div className="relative h-3 rounded-xs bg-hover" aria-hidden>
        <div className="absolute inset-y-0 left-0 rounded-xs bg-idle/30" style={{ width: share(stats.p95Seconds) }} />
        <div className="absolute inset-y-0 left-0 rounded-xs bg-idle/60" style={{ width: share(stats.p50Seconds) }} />
        <div className="absolute -inset-y-1 right-0 w-0.5 bg-timeout" />
      </div>
      <p className={`mt-2 ${isNear ? 'text-timeout' : ''}`}>
        {isNear
          ? `${counted.near} of ${counted.n} runs took 70 % of it or more${counted.over > 0 ? `, ${counted.over} all of it` : ''}.`
          : `No run of ${counted.n} came near it.`}{' '}
        <span className="text-soft">
          p50 {formatSpan(stats.p50Seconds * 1_000)}, p95 {formatSpan(stats.p95Seconds * 1_000)}
        </span>
      </p>
    </div>
  );
}
