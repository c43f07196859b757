import { dayIn, formatClock, formatInstant, formatRelative, formatSpan, viewerZone, zoneName } from './format-time';
import { useNow } from './use-now';

/** An instant in relative words, in full for those who point at it. */
export function Instant({ at, zone }: { readonly at: string; readonly zone?: string }) {
  const now = useNow();
  const instant = new Date(at);
  return (
    <time dateTime={at} title={formatInstant(instant, zone)} className="whitespace-nowrap">
      {formatRelative(instant, now)}
    </time>
  );
}

/** The clock of a schedule's zone, and the viewer's beside it where that shows another time. */
export function ZonedClock({ at, zone }: { readonly at: string; readonly zone: string }) {
  const now = useNow();
  const instant = new Date(at);
  const there = formatClock(instant, dayIn(now, viewerZone()), zone);
  // Its day only where it is another one than there.
  const here = formatClock(instant, dayIn(instant, zone));
  return (
    <time dateTime={at} title={formatInstant(instant, zone)}>
      {there} {zoneName(zone)}
      {there.endsWith(here) ? null : <span className="text-soft"> · {here} you</span>}
    </time>
  );
}

/** The span between two instants; up to now while it has no end. */
export function Span({ from, to }: { readonly from: string; readonly to: string | null }) {
  const now = useNow();
  const end = to === null ? now.getTime() : Date.parse(to);
  return <span className="whitespace-nowrap">{formatSpan(end - Date.parse(from))}</span>;
}
