import { Link, useNavigate } from '@tanstack/react-router';
import { memo, useId, useMemo, useState } from 'react';
import type { RunStatus } from '../../status/status-words';
import { formatInstant } from '../../time/format-time';
import type { Window } from './calendar-window';
import { describeMark } from './describe-mark';
import { IS_FILLED, marksOf, nearestMark, radiusFor, shapePath, type Lane, type Mark } from './lane-marks';

export const LANE_HEIGHT = 36;
const SHAPE_Y = 11;
const BAR_Y = 20;
const BAR_STEP = 4;

const COLORS: Readonly<Record<RunStatus | 'due', string>> = {
  success: 'text-success',
  running: 'text-running',
  queued: 'text-idle',
  failed: 'text-failed',
  timeout: 'text-timeout',
  cancelled: 'text-idle',
  skipped: 'text-idle',
  missed: 'text-missed',
  due: 'text-idle',
};
const DRAWN = Object.keys(COLORS) as (RunStatus | 'due')[];
/** From the bottom of a column to its top. */
const STACKED: readonly RunStatus[] = [
  ...(['success', 'running', 'queued', 'cancelled', 'skipped', 'missed', 'timeout', 'failed'] as const),
];

/** One schedule on the axis: one stop of the tab key, arrows go from mark to mark, Enter opens the run. */
export const LaneRow = memo(function LaneRow({
  lane,
  window,
  now,
  width,
  onTell,
}: {
  readonly lane: Lane;
  readonly window: Window;
  readonly now: number;
  /** Of the axis, px. */
  readonly width: number;
  /** Says what is pointed at; null: nothing. */
  readonly onTell: (words: string | null) => void;
}) {
  const navigate = useNavigate();
  const [active, setActive] = useState(-1);
  const marks = useMemo(() => marksOf(lane, now), [lane, now]);
  // Tenths of a pixel, so that paths stay short.
  const x = (at: number): number => Math.round(((at - window.from) / (window.to - window.from)) * width * 10) / 10;
  const point = (index: number): void => {
    const mark = marks[index];
    setActive(index);
    onTell(mark ? `${lane.schedule.name}: ${describeMark(mark, lane.schedule.timezone)}` : null);
  };
  const open = (index: number): void => {
    const mark = marks[index];
    if (mark?.runId) void navigate({ to: '/runs/$runId', params: { runId: mark.runId } });
    else if (mark) void navigate({ to: '/schedules/$scheduleId', params: { scheduleId: lane.schedule.id } });
  };
  const onKeyDown = (event: React.KeyboardEvent): void => {
    const middle = nearestMark(marks, now);
    const start = active === -1 ? middle : active;
    const to = { ArrowLeft: start - 1, ArrowRight: start + 1, Home: 0, End: marks.length - 1 }[event.key];
    if (to !== undefined) point(Math.min(marks.length - 1, Math.max(0, to)));
    else if (event.key === 'Enter' && active !== -1) open(active);
    else return;
    event.preventDefault();
  };
  const onPoint = (event: React.MouseEvent): void => {
    const offset = event.clientX - event.currentTarget.getBoundingClientRect().left;
    const at = window.from + (offset / width) * (window.to - window.from);
    const nearest = nearestMark(marks, at);
    if (nearest !== active) point(nearest);
  };
  const told = marks[active];
  return (
    <div className="flex border-b border-line" style={{ height: LANE_HEIGHT }}>
      <Link
        to="/schedules/$scheduleId"
        params={{ scheduleId: lane.schedule.id }}
        className={`flex w-(--names) shrink-0 items-center border-r border-line px-4 hover:underline max-rail:pr-1.5 max-rail:text-xs rail:pl-6 ${lane.schedule.enabled ? '' : 'text-soft'}`}
      >
        <bdi className="truncate">{lane.schedule.name}</bdi>
      </Link>
      <svg
        width={width}
        height={LANE_HEIGHT - 1}
        tabIndex={0}
        role="application"
        aria-label={`${lane.schedule.name}: ${summarize(marks)}. Arrows go from run to run.`}
        onKeyDown={onKeyDown}
        onFocus={() => active === -1 && point(nearestMark(marks, now))}
        onBlur={() => point(-1)}
        onMouseMove={onPoint}
        onMouseLeave={() => point(-1)}
        onClick={() => open(active)}
        className={`block shrink-0 focus-visible:-outline-offset-2 ${told ? 'cursor-pointer' : ''}`}
      >
        <Spans lane={lane} window={window} x={x} width={width} />
        <Marks marks={marks} x={x} />
        {told && (
          <rect
            x={x(told.at) - 7}
            y="1"
            width={told.status === 'column' ? Math.max(14, x(told.until) - x(told.at) + 14) : 14}
            height={LANE_HEIGHT - 4}
            rx="3"
            className="fill-none stroke-accent"
          />
        )}
      </svg>
    </div>
  );
});

/** Pauses as hatched spans, changes of the zone as lines. */
function Spans({
  lane,
  window,
  x,
  width,
}: {
  readonly lane: Lane;
  readonly window: Window;
  readonly x: (at: number) => number;
  readonly width: number;
}) {
  const pattern = useId();
  if (lane.pauses.length === 0 && lane.zoneChanges.length === 0) return null;
  return (
    <>
      <pattern id={pattern} width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
        <path d="M0 0v8" className="stroke-line" strokeWidth="4" />
      </pattern>
      {lane.pauses.map(({ from, to, note }) => {
        const start = Math.max(0, x(Math.max(window.from, Date.parse(from))));
        const end = Math.min(width, to === null ? width : x(Date.parse(to)));
        return (
          <rect
            key={from}
            x={start}
            y="0"
            width={Math.max(1, end - start)}
            height={LANE_HEIGHT}
            fill={`url(#${pattern})`}
          >
            <title>{`paused${note === null ? '' : `: ${note}`}`}</title>
          </rect>
        );
      })}
      {lane.zoneChanges.map(({ at, from, to }) => (
        <path key={at} d={`M${x(Date.parse(at))} 0v${LANE_HEIGHT}`} className="stroke-accent" strokeDasharray="3 2">
          <title>{`${from} → ${to}, ${formatInstant(new Date(at))}`}</title>
        </path>
      ))}
    </>
  );
}

/** One path per status and kind, however many runs there are. */
function Marks({ marks, x }: { readonly marks: readonly Mark[]; readonly x: (at: number) => number }) {
  const single = marks.filter(({ status }) => status !== 'column');
  const radius = radiusFor(single.map(({ at }) => x(at)));
  return (
    <>
      {DRAWN.map((status) => {
        const own = single.filter((mark) => mark.status === status);
        if (own.length === 0) return null;
        const shapes = own.map(({ at }) => shapePath(status, x(at), SHAPE_Y, radius)).join('');
        const bars = own
          .filter(({ at, until }) => until > at)
          .map(
            ({ at, until, level }) =>
              `M${x(at)} ${BAR_Y + level * BAR_STEP}h${Math.max(1, x(until) - x(at))}v3h${-Math.max(1, x(until) - x(at))}z`,
          )
          .join('');
        return (
          <g key={status} className={COLORS[status]}>
            <path d={bars} fill="currentColor" opacity={status === 'due' ? 0.3 : 0.6} />
            <path
              d={shapes}
              fill={IS_FILLED.has(status) ? 'currentColor' : 'none'}
              stroke={IS_FILLED.has(status) ? 'none' : 'currentColor'}
              strokeWidth={Math.min(1.5, radius)}
            />
          </g>
        );
      })}
      <Columns marks={marks.filter(({ status }) => status === 'column')} x={x} />
    </>
  );
}

function Columns({ marks, x }: { readonly marks: readonly Mark[]; readonly x: (at: number) => number }) {
  const most = Math.max(1, ...marks.map(({ counts }) => sumOf(counts)));
  const tall = LANE_HEIGHT - 8;
  return marks.map((mark) => {
    const left = x(mark.at);
    const wide = Math.max(1, x(mark.until) - left - 1);
    let top = LANE_HEIGHT - 4;
    return STACKED.map((status) => {
      const count = mark.counts?.[status] ?? 0;
      if (count === 0) return null;
      // What went wrong is seen however rare it is.
      const height = Math.max(status === 'success' ? 1 : 2, (count / most) * tall);
      top -= height;
      return (
        <rect
          key={`${mark.at} ${status}`}
          x={left}
          y={top}
          width={wide}
          height={height}
          className={COLORS[status]}
          fill="currentColor"
          opacity="0.75"
        />
      );
    });
  });
}

function sumOf(counts: Mark['counts']): number {
  return Object.values(counts ?? {}).reduce((sum, count) => sum + count, 0);
}

function summarize(marks: readonly Mark[]): string {
  const due = marks.filter(({ status }) => status === 'due').length;
  const ran = marks.reduce((sum, { counts, status }) => sum + (status === 'due' ? 0 : counts ? sumOf(counts) : 1), 0);
  return `${ran} past, ${due} to come`;
}
