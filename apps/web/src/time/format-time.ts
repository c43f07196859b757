const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `3 ms`, `2.1 s`, `1 m 12 s`, `5 h 12 m`, `3 d 4 h`. */
export function formatSpan(ms: number): string {
  const span = Math.max(0, ms);
  if (span < SECOND) return `${Math.round(span)} ms`;
  if (span < 10 * SECOND) return `${(Math.floor(span / 100) / 10).toFixed(1)} s`;
  if (span < MINUTE) return `${Math.floor(span / SECOND)} s`;
  if (span < HOUR) return pair(span, MINUTE, 'm', SECOND, 's');
  if (span < DAY) return pair(span, HOUR, 'h', MINUTE, 'm');
  return pair(span, DAY, 'd', HOUR, 'h');
}

function pair(span: number, large: number, largeUnit: string, small: number, smallUnit: string): string {
  const rest = Math.floor((span % large) / small);
  return `${Math.floor(span / large)} ${largeUnit}${rest === 0 ? '' : ` ${rest} ${smallUnit}`}`;
}

/** `in 5 h 12 m`, `3 m ago`, `just now`: coarse, for what is read in passing. */
export function formatRelative(at: Date, now: Date): string {
  const distance = at.getTime() - now.getTime();
  const span = Math.abs(distance);
  if (span < 10 * SECOND) return distance > 0 ? 'in a moment' : 'just now';
  const coarse =
    span < MINUTE
      ? `${Math.floor(span / SECOND)} s`
      : span < HOUR
        ? `${Math.floor(span / MINUTE)} m`
        : formatSpan(span);
  return distance > 0 ? `in ${coarse}` : `${coarse} ago`;
}

/** In full and in a zone, for tooltips and copies: `Mon, 30 Nov 2026, 22:56:07 UTC`. */
export function formatInstant(at: Date, timeZone = viewerZone()): string {
  return formatterOf('instant', timeZone).format(at);
}

/** `22:56`, and with its day where that is not `today`, as `dayIn` says it: `28 Nov 02:30`. */
export function formatClock(at: Date, today: string, timeZone = viewerZone()): string {
  const time = formatterOf('clock', timeZone).format(at);
  if (dayIn(at, timeZone) === today) return time;
  return `${formatterOf('date', timeZone).format(at)} ${time}`;
}

/** `2026-11-30` */
export function dayIn(at: Date, timeZone: string): string {
  return formatterOf('day', timeZone).format(at);
}

let ownZone: string | undefined;

export function viewerZone(): string {
  ownZone ??= Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
  return ownZone;
}

const FORMATS = {
  instant: {
    ...{ weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' },
    ...{ hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23', timeZoneName: 'short' },
  },
  clock: { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
  date: { day: 'numeric', month: 'short' },
  day: { dateStyle: 'short' },
} as const satisfies Record<string, Intl.DateTimeFormatOptions>;

/** Making one takes longer than everything else that a row of a list does. */
const formatters = new Map<string, Intl.DateTimeFormat>();

function formatterOf(kind: keyof typeof FORMATS, timeZone: string): Intl.DateTimeFormat {
  const key = `${kind} ${timeZone}`;
  const known = formatters.get(key);
  if (known) return known;
  const made = new Intl.DateTimeFormat(kind === 'day' ? 'en-CA' : undefined, { ...FORMATS[kind], timeZone });
  formatters.set(key, made);
  return made;
}

/** `Berlin` of `Europe/Berlin`; `UTC` as it is. */
export function zoneName(timeZone: string): string {
  return (timeZone.split('/').at(-1) ?? timeZone).replaceAll('_', ' ');
}
