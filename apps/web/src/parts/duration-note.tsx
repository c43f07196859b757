import type { Schedule } from '../api/client';
import { formatSpan } from '../time/format-time';
import { isNearTimeout, MIN_SAMPLE } from './duration-stats';

/** How long runs take, against the timeout. */
export function DurationNote({ schedule }: { readonly schedule: Pick<Schedule, 'stats' | 'timeoutSeconds'> }) {
  const { stats, timeoutSeconds } = schedule;
  const timeout = `timeout ${formatSpan(timeoutSeconds * 1_000)}`;
  if (!stats || stats.p50Seconds === null || stats.p95Seconds === null)
    return <span className="whitespace-nowrap text-soft">{timeout}</span>;
  const words = [`p50 ${formatSpan(stats.p50Seconds * 1_000)}`, `p95 ${formatSpan(stats.p95Seconds * 1_000)}`, timeout];
  const few = stats.n < MIN_SAMPLE ? `, of ${stats.n} ${stats.n === 1 ? 'run' : 'runs'} only` : '';
  return (
    <span className="text-soft" title={`Of the last ${stats.n} runs that were not cancelled${few}`}>
      {words.join(' · ')}
      {isNearTimeout(stats, timeoutSeconds) && <span className="font-medium text-timeout"> · near it</span>}
    </span>
  );
}
