import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { Virtuoso } from 'react-virtuoso';
import { timelineQuery } from '../../api/queries';
import { Empty } from '../../parts/panel';
import { ProblemNote } from '../../parts/problem-note';
import { viewerZone } from '../../time/format-time';
import { useNow } from '../../time/use-now';
import type { CalendarSpan } from './calendar-search';
import { ticksOf, ticksWithRoom, type Window } from './calendar-window';
import { LANE_HEIGHT, LaneRow } from './lane-row';

/** Lanes that are asked for at once. */
const LANES = 25;
const NAMES_PX = 220;
/** On a phone. */
const NARROW_NAMES_PX = 112;
const NARROW_PX = 600;
/** Of a letter of a tick's words, about, and what stands beside them. */
const LETTER_PX = 6.6;
const BESIDE_PX = 6;
/** The mark of now. */
const NOW_PX = 34;
const SCROLLBAR_PX = 16;

/** Every schedule on one axis; only pages of lanes that are on the screen are there, and kept up to date. */
export function LanesView({
  window,
  span,
  q,
}: {
  readonly window: Window;
  readonly span: CalendarSpan;
  readonly q: string | undefined;
}) {
  const now = useNow();
  const frame = useRef<HTMLDivElement>(null);
  const [axisPx, setAxisPx] = useState(0);
  const [namesPx, setNamesPx] = useState(NAMES_PX);
  const [told, setTold] = useState<string | null>(null);
  // A page is known by where the one before it ended.
  const [cursors, setCursors] = useState<readonly (string | null)[]>([null]);
  useLayoutEffect(() => {
    const element = frame.current;
    if (!element) return;
    const measure = (): void => {
      const names = element.clientWidth < NARROW_PX ? NARROW_NAMES_PX : NAMES_PX;
      setNamesPx(names);
      setAxisPx(Math.max(200, element.clientWidth - names - SCROLLBAR_PX));
    };
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    measure();
    return () => observer.disconnect();
  }, []);
  const ticks = useMemo(() => ticksOf(span, window, viewerZone()), [span, window]);
  const x = (at: number): number => ((at - window.from) / (window.to - window.from)) * axisPx;
  const isNowShown = now.getTime() > window.from && now.getTime() < window.to;
  const nowPx = isNowShown ? x(now.getTime()) : null;
  const named = ticksWithRoom(
    ticks.map((tick) => ({ ...tick, px: x(tick.at), wordsPx: tick.words.length * LETTER_PX + BESIDE_PX })),
    { axisPx, nowPx, aroundNowPx: NOW_PX },
  );
  // Whole minutes: lanes are drawn anew no more often.
  const minute = Math.floor(now.getTime() / 60_000) * 60_000;
  return (
    <div
      ref={frame}
      className="flex h-full min-h-0 flex-col"
      style={{ '--names': `${namesPx}px` } as React.CSSProperties}
    >
      <div className="relative h-8 shrink-0 border-b border-line text-xs text-soft" aria-hidden>
        {named.map(({ at, words }) => (
          <span key={at} className="absolute bottom-1 whitespace-nowrap" style={{ left: namesPx + x(at) + 3 }}>
            {words}
          </span>
        ))}
        {isNowShown && (
          <span
            className="absolute top-0.5 -translate-x-1/2 rounded-xs bg-accent px-1 font-medium text-on-ink"
            style={{ left: namesPx + x(now.getTime()) }}
          >
            now
          </span>
        )}
      </div>
      <div className="relative min-h-0 flex-1">
        <svg
          className="pointer-events-none absolute inset-y-0 h-full"
          style={{ left: namesPx }}
          width={axisPx}
          aria-hidden
        >
          {ticks.map(({ at }) => (
            <line key={at} x1={x(at)} x2={x(at)} y1="0" y2="100%" className="stroke-line" opacity="0.6" />
          ))}
        </svg>
        <div className="relative z-1 h-full">
          {axisPx > 0 && (
            <Virtuoso
              data={cursors}
              defaultItemHeight={LANES * LANE_HEIGHT}
              increaseViewportBy={LANE_HEIGHT * 10}
              itemContent={(index, cursor) => (
                <LanePage
                  {...{ window, q, cursor }}
                  now={minute}
                  width={axisPx}
                  onTell={setTold}
                  onNext={(next) =>
                    setCursors((known) => (known[index + 1] === next ? known : [...known.slice(0, index + 1), next]))
                  }
                />
              )}
            />
          )}
        </div>
        {nowPx !== null && (
          <svg
            className="pointer-events-none absolute inset-y-0 z-1 h-full"
            style={{ left: namesPx }}
            width={axisPx}
            aria-hidden
          >
            <line x1={nowPx} x2={nowPx} y1="0" y2="100%" className="stroke-accent" strokeWidth="1.5" />
          </svg>
        )}
      </div>
      <p role="status" className="h-8 shrink-0 truncate border-t border-line px-4 leading-8 text-soft rail:px-6">
        {told ?? 'Point at a run, or go to a lane and press the arrow keys.'}
      </p>
    </div>
  );
}

function LanePage({
  window,
  q,
  cursor,
  now,
  width,
  onTell,
  onNext,
}: {
  readonly window: Window;
  readonly q: string | undefined;
  readonly cursor: string | null;
  readonly now: number;
  readonly width: number;
  readonly onTell: (words: string | null) => void;
  readonly onNext: (cursor: string) => void;
}) {
  const { data, error, refetch } = useQuery({
    ...timelineQuery(window, q, cursor, LANES),
    // While the window moves on.
    placeholderData: keepPreviousData,
  });
  const next = data?.nextCursor;
  useEffect(() => {
    if (next) onNext(next);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the page tells its next one once, and `onNext` is another each time
  }, [next]);
  if (error)
    return (
      <div className="p-4">
        <ProblemNote error={error} onRetry={() => void refetch()} />
      </div>
    );
  if (!data) return <div style={{ height: LANES * LANE_HEIGHT }} aria-busy="true" />;
  if (data.items.length === 0 && cursor === null)
    return <Empty>{q === undefined ? 'There is no schedule yet.' : 'No schedule has that in its name.'}</Empty>;
  return data.items.map((lane) => <LaneRow key={lane.schedule.id} {...{ lane, window, now, width, onTell }} />);
}
