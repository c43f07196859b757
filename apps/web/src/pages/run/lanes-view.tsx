import { memo, useLayoutEffect, useMemo, useRef, useState } from 'react';
import type { RunTimeline } from '../../api/client';
import { formatSpan } from '../../time/format-time';
import { useNow } from '../../time/use-now';
import { describeMark, lanesOf, markAt, type Lane, type LaneMark, type Stretch } from './lanes';
import { useVisibleSpan, type VisibleSpan } from './visible-span';

const LANE_PX = 26;
const BUSY_PX = 12;
const TOOL_PX = 8;
const ARROW_PX = 4;
/** A mark is meant from so far beside it, px. */
const SLACK_PX = 4;

/** A band that covers more of the axis marks nothing. */
const MOST_SHARE = 0.75;

type Place = (at: number) => number;

/**
 * Who worked when, with which tools, and who gave tasks to whom: one stop of the tab key, arrows go from mark to mark and from
 * lane to lane, Enter and a click lead to what was said then. A band marks what the conversation shows.
 */
export const LanesView = memo(function LanesView({
  timeline,
  start,
  end,
  visible,
  onChoose,
}: {
  readonly timeline: RunTimeline;
  readonly start: string;
  /** Null: it goes on. */
  readonly end: string | null;
  readonly visible: VisibleSpan;
  readonly onChoose: (seq: number) => void;
}) {
  const now = useNow();
  const from = Date.parse(start);
  const to = Math.max(from + 1, end === null ? now.getTime() : Date.parse(end));
  const lanes = useMemo(() => lanesOf(timeline, { from, to }), [timeline, from, to]);
  const [width, setWidth] = useState(0);
  const [active, setActive] = useState<{ readonly row: number; readonly mark: number } | null>(null);
  const axis = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (!axis.current) return;
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)));
    observer.observe(axis.current);
    return () => observer.disconnect();
  }, []);
  const x: Place = (at) => Math.round(Math.min(1, Math.max(0, (at - from) / (to - from))) * width * 10) / 10;
  const told = active === null ? undefined : lanes[active.row]?.marks[active.mark];
  const point = (event: React.MouseEvent): void => {
    const box = event.currentTarget.getBoundingClientRect();
    const row = Math.min(lanes.length - 1, Math.max(0, Math.floor((event.clientY - box.top) / LANE_PX)));
    const msPerPx = (to - from) / Math.max(1, width);
    const mark = markAt(lanes[row]?.marks ?? [], from + (event.clientX - box.left) * msPerPx, SLACK_PX * msPerPx);
    setActive(mark === -1 ? null : { row, mark });
  };
  const onKeyDown = (event: React.KeyboardEvent): void => {
    const next = nextActive(lanes, active, event.key);
    if (next) setActive(next);
    else if (event.key === 'Enter' && told) onChoose(told.seq);
    else return;
    event.preventDefault();
  };
  const height = lanes.length * LANE_PX;
  return (
    <div className="grid grid-cols-[96px_minmax(0,1fr)] px-4 pb-2 max-rail:grid-cols-[72px_minmax(0,1fr)] rail:px-6">
      <div aria-hidden>
        {lanes.map(({ agent }) => (
          <div key={agent} className="truncate pr-2 text-xs leading-[26px]" title={agent}>
            <bdi>{agent}</bdi>
          </div>
        ))}
      </div>
      <div ref={axis} className="min-w-0">
        <svg
          width={width}
          height={height}
          tabIndex={0}
          role="application"
          aria-label={`Agents over time: ${lanes.map(({ agent }) => agent).join(', ')}. Arrows go from mark to mark and from agent to agent.`}
          className={`block ${told ? 'cursor-pointer' : ''}`}
          onKeyDown={onKeyDown}
          onMouseMove={point}
          onMouseLeave={() => setActive(null)}
          onBlur={() => setActive(null)}
          onClick={() => told && onChoose(told.seq)}
        >
          <VisibleBand visible={visible} x={x} width={width} height={height} />
          {lanes.map((lane, row) => (
            <LaneShapes key={lane.agent} lane={lane} top={row * LANE_PX} x={x} />
          ))}
          <Tasks lanes={lanes} x={x} end={to} />
          {told && active && (
            <rect
              x={x(told.from) - 3}
              y={active.row * LANE_PX + 3}
              width={Math.max(3, x(told.to) - x(told.from)) + 6}
              height={LANE_PX - 6}
              rx="3"
              className="fill-none stroke-accent"
            />
          )}
        </svg>
        <div className="flex min-h-5 justify-between gap-4 border-t border-line pt-0.5 text-xs text-soft">
          {told && active ? (
            <span className="min-w-0 truncate text-ink" role="status">
              <bdi>{lanes[active.row]?.agent}</bdi> <bdi>{describeMark(told, from)}</bdi>
            </span>
          ) : (
            <>
              <span>+0</span>
              {timeline.omitted > 0 && (
                <span>{timeline.omitted.toLocaleString()} shorter tool calls are not drawn</span>
              )}
              <span>+{formatSpan(to - from)}</span>
            </>
          )}
        </div>
      </div>
      <LanesTable lanes={lanes} start={from} />
    </div>
  );
});

/** By arrows; null: the key means something else. */
function nextActive(
  lanes: readonly Lane[],
  active: { readonly row: number; readonly mark: number } | null,
  key: string,
): { readonly row: number; readonly mark: number } | null {
  const across = { ArrowUp: -1, ArrowDown: 1 }[key] ?? 0;
  const along = { ArrowLeft: -1, ArrowRight: 1 }[key] ?? 0;
  if (across === 0 && along === 0) return null;
  const first = lanes.findIndex(({ marks }) => marks.length > 0);
  if (active === null) return first === -1 ? null : { row: first, mark: 0 };
  if (along !== 0) {
    const last = (lanes[active.row]?.marks.length ?? 1) - 1;
    return { ...active, mark: Math.min(last, Math.max(0, active.mark + along)) };
  }
  const at = lanes[active.row]?.marks[active.mark]?.from ?? 0;
  for (let row = active.row + across; row >= 0 && row < lanes.length; row += across) {
    const marks = lanes[row]?.marks ?? [];
    if (marks.length > 0) return { row, mark: Math.max(0, markAt(marks, at, 0)) };
  }
  return active;
}

/** A path for each kind, however many marks there are. */
function LaneShapes({
  lane: { life, marks },
  top,
  x,
}: {
  readonly lane: Lane;
  readonly top: number;
  readonly x: Place;
}) {
  const middle = top + LANE_PX / 2;
  const bars = (own: readonly Stretch[], height: number): string =>
    own
      .map(({ from, to }) => {
        const wide = Math.max(2, Math.round((x(to) - x(from)) * 10) / 10);
        return `M${x(from)} ${middle - height / 2}h${wide}v${height}h${-wide}z`;
      })
      .join('');
  const of = (kind: LaneMark['kind'], isFailed: boolean): readonly LaneMark[] =>
    marks.filter((mark) => mark.kind === kind && mark.isFailed === isFailed);
  return (
    <g>
      {life && <path d={`M${x(life.from)} ${middle}H${x(life.to)}`} className="stroke-line" strokeWidth="2" />}
      <path d={bars(of('busy', false), BUSY_PX)} className="fill-idle/35" />
      <path d={bars(of('tool', false), TOOL_PX)} className="fill-idle" />
      <path d={bars(of('tool', true), TOOL_PX)} className="fill-failed" />
    </g>
  );
}

/** Down to the teammate's lane where the task was given, and up again where it was answered. */
function Tasks({ lanes, x, end }: { readonly lanes: readonly Lane[]; readonly x: Place; readonly end: number }) {
  const rowOf = new Map(lanes.map(({ agent }, row) => [agent, row]));
  return lanes.map(({ agent, marks }, giver) =>
    marks.map((task) => {
      const taker = task.kind === 'task' ? rowOf.get(task.teammate ?? '') : undefined;
      if (taker === undefined || taker === giver) return null;
      const [above, below] = [giver * LANE_PX + LANE_PX / 2, taker * LANE_PX + LANE_PX / 2];
      const down = Math.sign(below - above);
      const lines = [arrow(x(task.from), above, below - (down * BUSY_PX) / 2, down)];
      if (task.to < end) lines.push(arrow(x(task.to), below, above + (down * BUSY_PX) / 2, -down));
      return (
        <path
          key={`${agent} ${task.seq}`}
          d={lines.join('')}
          className={`fill-none ${task.isFailed ? 'stroke-failed' : 'stroke-accent'}`}
          strokeWidth="1.25"
        />
      );
    }),
  );
}

function arrow(at: number, from: number, to: number, down: number): string {
  const wing = to - down * ARROW_PX;
  return `M${at} ${from}V${to}M${at - ARROW_PX} ${wing}L${at} ${to}L${at + ARROW_PX} ${wing}`;
}

function VisibleBand({
  visible,
  x,
  width,
  height,
}: {
  readonly visible: VisibleSpan;
  readonly x: Place;
  /** Of the axis, px. */
  readonly width: number;
  readonly height: number;
}) {
  const span = useVisibleSpan(visible);
  if (!span) return null;
  const wide = x(span.to) - x(span.from);
  // All of it is on the screen: there is nothing to mark.
  if (wide > width * MOST_SHARE) return null;
  return <rect x={x(span.from)} y="0" width={Math.max(3, wide)} height={height} rx="3" className="fill-accent-soft" />;
}

/** The same for who does not see it. */
function LanesTable({ lanes, start }: { readonly lanes: readonly Lane[]; readonly start: number }) {
  const count = ({ marks }: Lane, kind: LaneMark['kind']): number => marks.filter((mark) => mark.kind === kind).length;
  const since = (at: number | undefined): string => (at === undefined ? 'never' : `+${formatSpan(at - start)}`);
  return (
    <div className="sr-only">
      <table>
        <caption>Agents over time</caption>
        <thead>
          <tr>
            {['Agent', 'Started', 'Ended', 'Tool calls', 'Tasks given'].map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {lanes.map((lane) => (
            <tr key={lane.agent}>
              <th scope="row">{lane.agent}</th>
              <td>{since(lane.life?.from)}</td>
              <td>{since(lane.life?.to)}</td>
              <td>{count(lane, 'tool')}</td>
              <td>{count(lane, 'task')}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
