import { Link2 } from 'lucide-react';
import { memo, useEffect, useRef, useState } from 'react';
import { formatInstant, formatSpan } from '../../time/format-time';
import { AgentText, PlainText } from './agent-text';
import type { Entry, PlanEntry } from './conversation';
import { asText } from './conversation-filter';
import { ArtifactsCard } from './artifacts-panel';
import { ChosenRow, useOpen } from './chosen-row';
import { Card, DelegationCard, PermissionCard, ToolCard, VerificationCard } from './entry-cards';

/** One row of a conversation. */
export const EntryRow = memo(function EntryRow({
  entry,
  position,
  count,
  start,
  isChosen,
}: {
  readonly entry: Entry;
  /** Its place among the rows, from 1 on. */
  readonly position: number;
  /** Of all rows; -1 while more of them come. */
  readonly count: number;
  readonly start: string;
  /** The address, or a search, leads to it. */
  readonly isChosen: boolean;
}) {
  const { at, agent, session } = entry.place;
  return (
    <article
      aria-posinset={position}
      aria-setsize={count}
      className={`group grid grid-cols-[1fr_auto] contain-content gap-x-4 border-b border-line px-4 py-2.5 rail:grid-cols-[96px_1fr_96px] ${isChosen ? 'bg-accent-soft' : ''}`}
    >
      <div className="min-w-0 truncate text-xs leading-5 font-medium text-soft max-rail:col-start-1 max-rail:row-start-1">
        {agent === null ? <Own /> : <bdi>{agent}</bdi>}
        {session !== undefined && <span title={`session ${session}`}> · sub-agent</span>}
      </div>
      <div className="min-w-0 max-rail:col-span-2 max-rail:row-start-2">
        <ChosenRow value={isChosen}>
          <EntryBody entry={entry} />
        </ChosenRow>
      </div>
      <time
        dateTime={at}
        title={formatInstant(new Date(at))}
        className="text-right font-mono text-xs leading-5 text-soft max-rail:row-start-1"
      >
        <CopyLink seq={entry.place.seq} />+{formatSpan(Date.parse(at) - Date.parse(start))}
      </time>
    </article>
  );
});

/** No agent can have a picture before its name. */
function Own() {
  return (
    <span className="inline-flex items-center gap-1.5 text-ink">
      <img src="/favicon.svg" alt="" className="size-3.5" /> Crewtab
    </span>
  );
}

/** Leads a colleague to this row. */
function CopyLink({ seq }: { readonly seq: number }) {
  const [isCopied, setCopied] = useState(false);
  const copy = (): void => {
    const address = new URL(window.location.href);
    address.searchParams.set('at', String(seq));
    void navigator.clipboard.writeText(address.href).then(() => setCopied(true));
  };
  return (
    <button
      type="button"
      onClick={copy}
      onBlur={() => setCopied(false)}
      aria-label="Copy a link to this row"
      title={isCopied ? 'copied' : 'copy a link to this row'}
      className={`mr-1.5 align-middle opacity-0 group-hover:opacity-100 focus-visible:opacity-100 ${isCopied ? 'text-success' : 'hover:text-ink'}`}
    >
      <Link2 className="size-3.5" aria-hidden />
    </button>
  );
}

function EntryBody({ entry }: { readonly entry: Entry }) {
  switch (entry.kind) {
    case 'prompt':
      return (
        <Folded>
          <div className="border-l-2 border-accent pl-3">
            <PlainText text={entry.text} />
          </div>
        </Folded>
      );
    case 'says':
      return (
        <Folded>
          <AgentText text={entry.text} />
        </Folded>
      );
    case 'thinks':
      return (
        <Folded>
          <div className="text-soft italic">
            <AgentText text={entry.text} />
          </div>
        </Folded>
      );
    case 'stderr':
    case 'system':
      return (
        <Folded>
          <div className="text-soft">
            <PlainText text={entry.text} />
          </div>
        </Folded>
      );
    case 'tool':
      return <ToolCard entry={entry} />;
    case 'plan':
      return <Plan entry={entry} />;
    case 'delegation':
      return <DelegationCard entry={entry} />;
    case 'permission':
      return <PermissionCard entry={entry} />;
    case 'network':
      return (
        <div className={entry.isRefused ? 'text-failed' : 'text-soft'}>
          <PlainText text={entry.text} />
        </div>
      );
    case 'artifact':
      return <ArtifactsCard entry={entry} />;
    case 'verification':
      return <VerificationCard entry={entry} />;
    case 'other':
      return <Card title={entry.name} body={() => <PlainText text={asText(entry.content)} />} />;
  }
}

const FOLDED_PX = 320;

/** At most that high, until a person wants all of it. */
function Folded({ children }: { readonly children: React.ReactNode }) {
  const [isOpen, setOpen] = useOpen();
  const [isLong, setLong] = useState(false);
  const content = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!content.current) return;
    // Told after a layout that happens anyway; asking for the height would force one for each row. The row grows in the next
    // frame, since the list measures it in this one.
    const observer = new ResizeObserver(([entry]) => {
      const isHigher = (entry?.contentRect.height ?? 0) > FOLDED_PX;
      requestAnimationFrame(() => setLong(isHigher));
    });
    observer.observe(content.current);
    return () => observer.disconnect();
  }, []);
  return (
    <div>
      <div className={isOpen ? '' : 'max-h-80 overflow-hidden'}>
        <div ref={content}>{children}</div>
      </div>
      {isLong && (
        <button type="button" className="mt-1 text-xs font-medium text-accent" onClick={() => setOpen(!isOpen)}>
          {isOpen ? 'Show less' : 'Show all'}
        </button>
      )}
    </div>
  );
}

const STEP_MARKS: Readonly<Record<string, string>> = { completed: '✓', in_progress: '▸', pending: '·' };

function Plan({ entry }: { readonly entry: PlanEntry }) {
  return (
    <ul className="text-xs leading-5">
      {entry.steps.map((step, index) => (
        <li key={index} className={`flex gap-2 ${step.status === 'completed' ? 'text-soft' : ''}`}>
          <span className="w-3 shrink-0 text-center" role="img" aria-label={step.status.replace('_', ' ')}>
            {STEP_MARKS[step.status] ?? '·'}
          </span>
          <bdi>{step.content}</bdi>
        </li>
      ))}
    </ul>
  );
}
