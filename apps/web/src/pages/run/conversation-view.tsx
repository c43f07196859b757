import { ArrowDown } from 'lucide-react';
import { useRef, useState } from 'react';
import { Virtuoso, type VirtuosoHandle } from 'react-virtuoso';
import { Empty } from '../../parts/panel';
import { ProblemNote } from '../../parts/problem-note';
import { EntryRow } from './entry-row';
import type { RunStream } from './use-run-stream';

const COMPONENTS = {
  List: (props: React.ComponentProps<'div'>) => <div {...props} role="feed" aria-label="Conversation" />,
};

/** The conversation of a run: only the rows on the screen exist. It follows the end until a person scrolls up. */
export function ConversationView({
  stream: { entries, error, isComplete },
  start,
  isOver,
}: {
  readonly stream: RunStream;
  /** What the times of rows count from. */
  readonly start: string;
  readonly isOver: boolean;
}) {
  const list = useRef<VirtuosoHandle>(null);
  const [isAtEnd, setAtEnd] = useState(true);
  const [seenRows, setSeenRows] = useState(0);
  const newRows = isAtEnd ? 0 : Math.max(0, entries.length - seenRows);
  if (entries.length === 0)
    return error ? (
      <div className="p-4">
        <ProblemNote error={error} />
      </div>
    ) : (
      <Empty>{isComplete || isOver ? 'Nothing was said.' : 'Nothing was said yet.'}</Empty>
    );
  return (
    <div className="relative h-full">
      <Virtuoso
        ref={list}
        components={COMPONENTS}
        className="h-full"
        data={entries}
        computeItemKey={(_, entry) => entry.place.seq}
        itemContent={(_, entry) => <EntryRow entry={entry} start={start} />}
        followOutput={isOver ? false : 'auto'}
        initialTopMostItemIndex={isOver ? 0 : entries.length - 1}
        atBottomThreshold={40}
        atBottomStateChange={(atEnd) => {
          setAtEnd(atEnd);
          setSeenRows(entries.length);
        }}
        increaseViewportBy={400}
      />
      {error && (
        <div className="absolute inset-x-4 top-2">
          <ProblemNote error={error} />
        </div>
      )}
      {newRows > 0 && (
        <button
          type="button"
          onClick={() => list.current?.scrollToIndex({ index: entries.length - 1, align: 'end' })}
          className="absolute right-4 bottom-3 inline-flex items-center gap-1 rounded-full bg-ink px-3 py-1 text-xs font-medium text-on-ink shadow-overlay"
        >
          <ArrowDown className="size-3.5" aria-hidden /> {newRows} new
        </button>
      )}
    </div>
  );
}
