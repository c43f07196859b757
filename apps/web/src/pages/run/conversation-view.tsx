import { ArrowDown } from 'lucide-react';
import { useEffect, useMemo, useRef, useState } from 'react';
import { Virtuoso, type VirtuosoHandle } from 'react-virtuoso';
import { Empty, Waiting } from '../../parts/panel';
import { ProblemNote } from '../../parts/problem-note';
import type { Entry } from './conversation';
import { filterEntries, type ConversationFilter } from './conversation-filter';
import { ConversationTools } from './conversation-tools';
import { EntryRow } from './entry-row';
import type { RunStream } from './use-run-stream';

const COMPONENTS = {
  List: (props: React.ComponentProps<'div'>) => <div {...props} role="feed" aria-label="Conversation" />,
};

/**
 * The conversation of a run: only the rows on the screen exist. It follows the end of a live run until a person scrolls up
 * or is led to a row.
 */
export function ConversationView({
  stream: { entries, error, hasBegun, isComplete },
  start,
  isOver,
  filter,
  onFilter,
  chosen,
  onChoose,
}: {
  readonly stream: RunStream;
  /** What the times of rows count from. */
  readonly start: string;
  readonly isOver: boolean;
  readonly filter: ConversationFilter;
  readonly onFilter: (filter: ConversationFilter) => void;
  /** The seq of the row that the address leads to. */
  readonly chosen: number | null;
  readonly onChoose: (seq: number) => void;
}) {
  const list = useRef<VirtuosoHandle>(null);
  const [isAtEnd, setAtEnd] = useState(chosen === null);
  const [seenRows, setSeenRows] = useState(0);
  const rows = useMemo(() => filterEntries(entries, filter), [entries, filter]);
  const chosenRow = chosen === null ? -1 : rowOf(rows, chosen);
  const newRows = isAtEnd ? 0 : Math.max(0, rows.length - seenRows);
  // Once the row is there: rows of a live run come later than the address that leads to one.
  const isThere = chosenRow !== -1;
  const leadTo = useRef(chosenRow);
  leadTo.current = chosenRow;
  useEffect(() => {
    if (isThere) list.current?.scrollToIndex({ index: leadTo.current, align: 'center' });
  }, [chosen, isThere, filter]);
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
    <div className="flex h-full flex-col">
      <ConversationTools
        entries={entries}
        rows={rows}
        filter={filter}
        onFilter={onFilter}
        row={chosenRow}
        onRow={(row) => {
          const seq = rows[row]?.place.seq;
          if (seq !== undefined) onChoose(seq);
        }}
      />
      <div className="relative min-h-0 flex-1">
        {rows.length === 0 && <Empty>No row is like that.</Empty>}
        <Virtuoso
          ref={list}
          components={COMPONENTS}
          className="h-full"
          data={rows}
          computeItemKey={(_, entry) => entry.place.seq}
          itemContent={(index, entry) => (
            <EntryRow
              entry={entry}
              position={index + 1}
              count={isComplete ? rows.length : -1}
              start={start}
              isChosen={index === chosenRow}
            />
          )}
          followOutput={isOver || chosen !== null ? false : 'auto'}
          initialTopMostItemIndex={isThere ? { index: chosenRow, align: 'center' } : isOver ? 0 : rows.length - 1}
          atBottomThreshold={40}
          atBottomStateChange={(atEnd) => {
            setAtEnd(atEnd);
            setSeenRows(rows.length);
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
  );
}

/** A message that is a piece of a row leads to that row, the one before where the filter has taken it out. */
function rowOf(rows: readonly Entry[], seq: number): number {
  return rows.findLastIndex(({ place }) => place.seq <= seq);
}
