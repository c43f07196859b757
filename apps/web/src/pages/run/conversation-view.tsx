import { ArrowDown } from 'lucide-react';
import { useEffect, useMemo, useRef, useState } from 'react';
import { Virtuoso, type VirtuosoHandle } from 'react-virtuoso';
import { Empty, Waiting } from '../../parts/panel';
import { ProblemNote } from '../../parts/problem-note';
import type { Entry } from './conversation';
import { filterEntries, type ConversationFilter } from './conversation-filter';
import { ConversationTools } from './conversation-tools';
import { EntryRow } from './entry-row';
import { useHitMarks } from './use-hit-marks';
import { RunOfConversation } from './run-of-conversation';
import { useOwnSearch, useRemoteSearch } from './use-conversation-search';
import type { RunWindows } from './use-run-windows';
import type { Talk } from './use-talk';
import type { VisibleSpan } from './visible-span';

const COMPONENTS = {
  List: ({ context, ...props }: React.ComponentProps<'div'> & { readonly context?: { readonly isBusy: boolean } }) => (
    <div {...props} role="feed" aria-label="Conversation" aria-busy={context?.isBusy ?? false} />
  ),
};

/** Rows that a filter leaves of a part, below which the next part is asked for. */
const FEW_ROWS = 40;

/**
 * The conversation of a run: only the rows on the screen exist. It follows the end of a live run until a person scrolls up
 * or is led to a row.
 */
export function ConversationView({
  talk: { runId, stream, windows, outline },
  start,
  isOver,
  filter,
  onFilter,
  chosen,
  onChoose,
  visible,
}: {
  readonly talk: Talk;
  /** What the times of rows count from. */
  readonly start: string;
  readonly isOver: boolean;
  readonly filter: ConversationFilter;
  readonly onFilter: (filter: ConversationFilter) => void;
  /** The seq of the row that the address leads to. */
  readonly chosen: number | null;
  readonly onChoose: (seq: number) => void;
  /** Told which part of it is on the screen. */
  readonly visible: VisibleSpan;
}) {
  const { entries, error, hasBegun, isComplete } = stream;
  const list = useRef<VirtuosoHandle>(null);
  const [isAtEnd, setAtEnd] = useState(chosen === null);
  const [seenRows, setSeenRows] = useState(0);
  // A message that is a piece of a row leads to that row, whatever level would show it.
  const chosenPlace = chosen === null ? null : (stream.placeOf(chosen) ?? chosen);
  const rows = useMemo(() => filterEntries(entries, filter, chosenPlace), [entries, filter, chosenPlace]);
  const ownSearch = useOwnSearch(entries);
  const remoteSearch = useRemoteSearch(runId, windows ? (outline ?? undefined) : undefined);
  const search = windows ? remoteSearch : ownSearch;
  const frame = useRef<HTMLDivElement>(null);
  useHitMarks(frame, search.words);
  const chosenRow = chosenPlace === null ? -1 : rowOf(rows, chosenPlace);
  const isShort = windows !== null && isComplete && rows.length < FEW_ROWS;
  useEffect(() => {
    if (isShort) windows?.loadLater();
  }, [isShort, windows]);
  const newRows = isAtEnd ? 0 : Math.max(0, rows.length - seenRows);
  // Once the row is there: rows of a live run come later than the address that leads to one. And once for each choice: a
  // person who reads on from there is not led back when the next part comes.
  const isThere = chosenRow !== -1;
  const leadTo = useRef(chosenRow);
  leadTo.current = chosenRow;
  const goal = [chosen, windows?.part, filter.level, filter.agent].join(' ');
  const ledTo = useRef<string | null>(null);
  useEffect(() => {
    if (!isThere || ledTo.current === goal) return;
    ledTo.current = goal;
    list.current?.scrollToIndex({ index: leadTo.current, align: 'center' });
  }, [goal, isThere]);
  const choose = (seq: number): void => {
    onChoose(seq);
    // The address leads there already, and the person has read on.
    if (seq === chosen && isThere) list.current?.scrollToIndex({ index: chosenRow, align: 'center' });
  };
  if (entries.length === 0 && !error && (!hasBegun || (isOver && !isComplete))) return <Waiting />;
  if (entries.length === 0)
    return error ? (
      <div className="p-4">
        <ProblemNote error={error} />
      </div>
    ) : (
      <Empty>Nothing was said{isComplete ? '' : ' yet'}.</Empty>
    );
  return (
    <RunOfConversation value={runId}>
      <div className="flex h-full flex-col">
        <ConversationTools
          search={search}
          filter={filter}
          onFilter={onFilter}
          chosen={windows === null ? (rows[chosenRow]?.place.seq ?? null) : chosen}
          onChoose={choose}
        />
        {windows && (
          <PartNote
            windows={windows}
            onBeginning={() => {
              choose(1);
              // Where a filter has taken the first message out, no row is led to.
              if (windows.from <= 1) list.current?.scrollToIndex({ index: 0 });
            }}
            onEnd={() => choose(windows.lastSeq)}
          />
        )}
        <div ref={frame} className="relative min-h-0 flex-1">
          {rows.length === 0 && <Empty>No row is like that.</Empty>}
          <Virtuoso
            key={windows?.part}
            ref={list}
            components={COMPONENTS}
            context={{ isBusy: isOver ? !isComplete : !hasBegun }}
            className="h-full"
            data={rows}
            {...(windows && {
              firstItemIndex: windows.firstRow,
              startReached: windows.loadEarlier,
              endReached: windows.loadLater,
            })}
            computeItemKey={(_, entry) => entry.place.seq}
            itemContent={(index, entry) => (
              <EntryRow
                entry={entry}
                position={index - (windows?.firstRow ?? 0) + 1}
                count={isComplete && windows === null ? rows.length : -1}
                start={start}
                isChosen={index - (windows?.firstRow ?? 0) === chosenRow}
              />
            )}
            followOutput={isOver || chosen !== null ? false : 'auto'}
            initialTopMostItemIndex={isThere ? { index: chosenRow, align: 'center' } : isOver ? 0 : rows.length - 1}
            atBottomThreshold={40}
            atBottomStateChange={(atEnd) => {
              setAtEnd(atEnd);
              setSeenRows(rows.length);
            }}
            rangeChanged={({ startIndex, endIndex }) => {
              const offset = windows?.firstRow ?? 0;
              const [first, last] = [rows[startIndex - offset], rows[endIndex - offset]];
              if (first && last) visible.show(Date.parse(first.place.at), Date.parse(last.place.at));
            }}
            increaseViewportBy={400}
          />
          {error && (
            <div className="absolute inset-x-4 top-2">
              <ProblemNote error={error} />
            </div>
          )}
          {newRows > 0 && !isOver && (
            <button
              type="button"
              onClick={() => list.current?.scrollToIndex({ index: rows.length - 1, align: 'end' })}
              className="absolute right-4 bottom-3 inline-flex items-center gap-1 rounded-full bg-ink px-3 py-1 text-xs font-medium text-on-ink shadow-overlay"
            >
              <ArrowDown className="size-3.5" aria-hidden /> {newRows} new
            </button>
          )}
        </div>
      </div>
    </RunOfConversation>
  );
}

/** Which part of a long conversation is held, and the ways to both of its ends. */
function PartNote({
  windows: { from, to, lastSeq },
  onBeginning,
  onEnd,
}: {
  readonly windows: RunWindows;
  readonly onBeginning: () => void;
  readonly onEnd: () => void;
}) {
  const end = 'font-medium text-accent hover:underline';
  return (
    <div className="flex items-center gap-3 border-b border-line px-4 py-1 text-xs text-soft">
      <span className="mr-auto">
        messages {from.toLocaleString()} to {to.toLocaleString()} of {lastSeq.toLocaleString()}
      </span>
      <button type="button" className={end} onClick={onBeginning}>
        Beginning
      </button>
      <button type="button" className={end} onClick={onEnd}>
        End
      </button>
    </div>
  );
}

/** The one before where there is no row of that place: it is not read yet. */
function rowOf(rows: readonly Entry[], seq: number): number {
  return rows.findLastIndex(({ place }) => place.seq <= seq);
}
