import { ChevronRight } from 'lucide-react';
import { memo, useState } from 'react';
import { formatInstant, formatSpan } from '../../time/format-time';
import { AgentText, PlainText } from './agent-text';
import type { DelegationEntry, Entry, PlanEntry, ToolEntry } from './conversation';

/** One row of a conversation. */
export const EntryRow = memo(function EntryRow({ entry, start }: { readonly entry: Entry; readonly start: string }) {
  const { at, agent } = entry.place;
  return (
    <article className="grid grid-cols-[1fr_auto] gap-x-4 border-b border-line px-4 py-2.5 rail:grid-cols-[96px_1fr_auto]">
      <div className="min-w-0 truncate text-xs leading-5 font-medium text-soft max-rail:col-start-1 max-rail:row-start-1">
        <bdi>{agent ?? 'Crewtab'}</bdi>
      </div>
      <div className="min-w-0 max-rail:col-span-2 max-rail:row-start-2">
        <EntryBody entry={entry} />
      </div>
      <time
        dateTime={at}
        title={formatInstant(new Date(at))}
        className="text-right font-mono text-xs leading-5 text-soft max-rail:row-start-1"
      >
        +{formatSpan(Date.parse(at) - Date.parse(start))}
      </time>
    </article>
  );
});

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
      return <Delegation entry={entry} />;
    case 'other':
      return <Card title={entry.name} body={() => <PlainText text={JSON.stringify(entry.content, null, 2)} />} />;
  }
}

/** At most 320 px high, until a person wants all of it. */
function Folded({ children }: { readonly children: React.ReactNode }) {
  const [isOpen, setOpen] = useState(false);
  const [isLong, setLong] = useState(false);
  return (
    <div>
      <div
        ref={(element) => {
          if (element && !isLong && element.scrollHeight > 330) setLong(true);
        }}
        className={isOpen ? '' : 'max-h-80 overflow-hidden'}
      >
        {children}
      </div>
      {isLong && (
        <button type="button" className="mt-1 text-xs font-medium text-accent" onClick={() => setOpen(!isOpen)}>
          {isOpen ? 'Show less' : 'Show all'}
        </button>
      )}
    </div>
  );
}

const TOOL_STATES = {
  open: { words: 'running', color: 'text-running' },
  completed: { words: 'done', color: 'text-success' },
  failed: { words: 'failed', color: 'text-failed' },
} as const;

function ToolCard({ entry }: { readonly entry: ToolEntry }) {
  const { words, color } = TOOL_STATES[entry.state];
  const span = entry.endedAt === null ? null : Date.parse(entry.endedAt) - Date.parse(entry.place.at);
  return (
    <Card
      title={entry.title}
      summary={inOneLine(entry.input)}
      note={
        <>
          {span !== null && <span className="text-soft">{formatSpan(span)}</span>}
          <span className={color}>{words}</span>
        </>
      }
      body={
        entry.input === undefined && entry.output === ''
          ? null
          : () => (
              <>
                {entry.input !== undefined && (
                  <Part name="input">
                    <PlainText text={asText(entry.input)} />
                  </Part>
                )}
                {entry.output !== '' && (
                  <Part name="output">
                    <PlainText text={entry.output} />
                  </Part>
                )}
              </>
            )
      }
    />
  );
}

function Delegation({ entry }: { readonly entry: DelegationEntry }) {
  const span = entry.endedAt === null ? null : Date.parse(entry.endedAt) - Date.parse(entry.place.at);
  return (
    <Card
      title={`⇢ ${entry.to}`}
      summary={entry.task}
      note={
        <span className={span === null ? 'text-running' : 'text-soft'}>
          {span === null ? 'working' : formatSpan(span)}
        </span>
      }
      body={() => (
        <>
          <Part name="task">
            <PlainText text={entry.task} />
          </Part>
          {entry.answer !== null && (
            <Part name="answer">
              <AgentText text={entry.answer} />
            </Part>
          )}
        </>
      )}
    />
  );
}

/** A line that opens. */
function Card({
  title,
  summary,
  note,
  body,
}: {
  readonly title: string;
  readonly summary?: string;
  readonly note?: React.ReactNode;
  /** Null where there is nothing more to show. */
  readonly body: (() => React.ReactNode) | null;
}) {
  const [isOpen, setOpen] = useState(false);
  return (
    <div className="rounded-md border border-line bg-ground">
      <button
        type="button"
        disabled={body === null}
        aria-expanded={body === null ? undefined : isOpen}
        onClick={() => setOpen(!isOpen)}
        className="flex w-full min-w-0 items-center gap-2 px-2.5 py-1.5 text-left text-xs"
      >
        <ChevronRight
          aria-hidden
          className={`size-3.5 shrink-0 text-soft ${isOpen ? 'rotate-90' : ''} ${body === null ? 'invisible' : ''}`}
        />
        <bdi className="shrink-0 font-medium max-w-1/2 truncate">{title}</bdi>
        <bdi className="min-w-0 flex-1 truncate font-mono text-soft">{summary}</bdi>
        <span className="flex shrink-0 gap-2">{note}</span>
      </button>
      {isOpen && body && (
        <div tabIndex={0} className="max-h-80 overflow-auto border-t border-line px-3 py-2">
          {body()}
        </div>
      )}
    </div>
  );
}

function Part({ name, children }: { readonly name: string; readonly children: React.ReactNode }) {
  return (
    <div className="py-1">
      <div className="text-xs text-soft">{name}</div>
      {children}
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

function asText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2);
}

function inOneLine(input: unknown): string {
  if (input === undefined || input === null) return '';
  if (typeof input !== 'object') return asText(input).slice(0, 200);
  return Object.entries(input)
    .map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join('  ')
    .slice(0, 200);
}
