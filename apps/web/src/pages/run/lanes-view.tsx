import { memo, useEffect, useMemo, useRef, useState } from 'react';
import type { Outline } from '../../api/client';
import { formatSpan } from '../../time/format-time';
import { useNow } from '../../time/use-now';
import type { DelegationEntry, Entry } from './conversation';
import { lanesOf, lanesOfOutline } from './lanes';

const LANE_PX = 26;
const BAR_PX = 10;

/**
 * Who worked when, and who gave tasks to whom. Bars are seen through the conversation, so a lane without one is an agent
 * that said nothing. A click leads to what was said then.
 */
export const LanesView = memo(function LanesView({
  entries: newest,
  outline,
  start,
  end,
  onChoose,
}: {
  /** All of the conversation, or its tasks where there is an outline. */
  readonly entries: readonly Entry[];
  /** Of a conversation that is read in parts. */
  readonly outline: Outline | null;
  readonly start: string;
  /** Null: it goes on. */
  readonly end: string | null;
  readonly onChoose: (seq: number) => void;
}) {
  const entries = useSeldom(newest);
  const now = useNow();
  const from = Date.parse(start);
  const last = entries.at(-1)?.place.at;
  const to = Math.max(from + 1, end === null ? now.getTime() : Date.parse(end), last ? Date.parse(last) : 0);
  const lanes = useMemo(
    () => (outline ? lanesOfOutline(outline.columns, { from, to }) : lanesOf(entries, { from, to })),
    [entries, outline, from, to],
  );
  const tasks = useMemo(() => entries.filter((entry) => entry.kind === 'delegation'), [entries]);
  if (lanes.length < 2) return null;
  const rowOf = new Map(lanes.map(({ agent }, row) => [agent, row]));
  const place = (at: number): string => `${(((at - from) / (to - from)) * 100).toFixed(3)}%`;
  const width = (stretch: { from: number; to: number }): string =>
    `max(3px, ${(((stretch.to - stretch.from) / (to - from)) * 100).toFixed(3)}%)`;
  const chooseAt = (agent: string, at: number): void => {
    const column = outline?.columns.find(({ to: end, agents }) => agent in agents && Date.parse(end) >= at);
    if (column) return onChoose(column.seq);
    const own = entries.filter((entry) => entry.place.agent === agent);
    const seq = (own.find((entry) => Date.parse(entry.place.at) >= at) ?? own.at(-1))?.place.seq;
    if (seq !== undefined) onChoose(seq);
  };
  return (
    <div className="grid grid-cols-[96px_minmax(0,1fr)] px-4 pb-2 rail:px-6">
      <div>
        {lanes.map(({ agent }) => (
          <div key={agent} className="truncate pr-2 text-xs leading-[26px]">
            <bdi>{agent}</bdi>
          </div>
        ))}
      </div>
      <div className="relative" style={{ height: lanes.length * LANE_PX }}>
        {lanes.map(({ agent, busy }, row) =>
          busy.map((stretch, index) => (
            <button
              key={`${agent} ${index}`}
              type="button"
              tabIndex={index === 0 ? 0 : -1}
              aria-label={`${agent} at work from +${formatSpan(stretch.from - from)} for ${formatSpan(stretch.to - stretch.from)}`}
              title={`${agent}: +${formatSpan(stretch.from - from)}, ${formatSpan(stretch.to - stretch.from)}`}
              onClick={() => chooseAt(agent, stretch.from)}
              className="absolute rounded-xs bg-idle/60 hover:bg-accent"
              style={{
                left: place(stretch.from),
                width: width(stretch),
                top: row * LANE_PX + (LANE_PX - BAR_PX) / 2,
                height: BAR_PX,
              }}
            />
          )),
        )}
        {tasks.map((task) => (
          <TaskArrow key={task.place.seq} task={task} rowOf={rowOf} place={place} to={to} onChoose={onChoose} />
        ))}
      </div>
      <div className="col-start-2 flex justify-between border-t border-line pt-0.5 text-xs text-soft" aria-hidden>
        <span>+0</span>
        <span>+{formatSpan(to - from)}</span>
      </div>
    </div>
  );
});

/** From so many rows on, lanes are drawn anew at most so often: all of them are gone through for it. */
const MANY_ROWS = 2_000;
const SELDOM_MS = 1_000;

function useSeldom(entries: readonly Entry[]): readonly Entry[] {
  const [seldom, setSeldom] = useState(entries);
  const newest = useRef(entries);
  useEffect(() => {
    newest.current = entries;
  }, [entries]);
  useEffect(() => {
    const timer = setInterval(() => setSeldom(newest.current), SELDOM_MS);
    return () => clearInterval(timer);
  }, []);
  return entries.length < MANY_ROWS ? entries : seldom;
}

/** A line down to the teammate's lane where the task was given, and up again where it was answered. */
function TaskArrow({
  task,
  rowOf,
  place,
  to,
  onChoose,
}: {
  readonly task: DelegationEntry;
  readonly rowOf: ReadonlyMap<string, number>;
  readonly place: (at: number) => string;
  readonly to: number;
  readonly onChoose: (seq: number) => void;
}) {
  const giver = rowOf.get(task.place.agent ?? '') ?? 0;
  const taker = rowOf.get(task.to);
  if (taker === undefined || taker === giver) return null;
  const top = Math.min(giver, taker) * LANE_PX + LANE_PX / 2;
  const height = Math.abs(taker - giver) * LANE_PX;
  const from = Date.parse(task.place.at);
  const until = task.endedAt === null ? to : Date.parse(task.endedAt);
  const color = task.isFailed ? 'border-failed' : 'border-accent';
  return (
    <button
      type="button"
      tabIndex={-1}
      aria-label={`task for ${task.to}: ${task.task.slice(0, 80)}`}
      title={`⇢ ${task.to}, ${formatSpan(until - from)}\n${task.task.slice(0, 200)}`}
      onClick={() => onChoose(task.place.seq)}
      className={`pointer-events-none absolute border-l ${task.endedAt === null ? '' : 'border-r'} ${color}`}
      style={{ left: place(from), width: `calc(${place(until)} - ${place(from)})`, top, height }}
    >
      <span
        className={`pointer-events-auto absolute -left-1 ${taker > giver ? '-bottom-1' : '-top-1'} size-2 rounded-full bg-accent`}
      />
    </button>
  );
}
