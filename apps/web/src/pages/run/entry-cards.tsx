import { ChevronRight } from 'lucide-react';
import { formatSpan } from '../../time/format-time';
import { AgentText, PlainText } from './agent-text';
import { stripTerminalCodes } from '../../words/clean-terminal-text';
import { useOpen } from './chosen-row';
import type { DelegationEntry, PermissionEntry, ToolEntry, VerificationEntry } from './conversation';
import { asText } from './conversation-filter';
import { FileDiff } from './diff-view';

const TOOL_STATES = {
  open: { words: 'running', color: 'text-running' },
  completed: { words: 'done', color: 'text-success' },
  failed: { words: 'failed', color: 'text-failed' },
} as const;

/** One call of a tool: what went in, what came out, which files changed. */
export function ToolCard({ entry }: { readonly entry: ToolEntry }) {
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
        entry.input === undefined && entry.output === '' && entry.diffs.length === 0
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
                    <PlainText text={entry.output} isTerminal />
                  </Part>
                )}
                {entry.diffs.map((diff) => (
                  <FileDiff key={diff.path} diff={diff} />
                ))}
              </>
            )
      }
    />
  );
}

/** A task for a teammate and its answer. */
export function DelegationCard({ entry }: { readonly entry: DelegationEntry }) {
  const span = entry.endedAt === null ? null : Date.parse(entry.endedAt) - Date.parse(entry.place.at);
  return (
    <Card
      title={`⇢ ${entry.to}`}
      summary={entry.task}
      note={
        <>
          {entry.isFailed && <span className="text-failed">failed</span>}
          <span className={span === null ? 'text-running' : 'text-soft'}>
            {span === null ? 'working' : formatSpan(span)}
          </span>
        </>
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

const DECISIONS = {
  allowed: { words: 'allowed', color: 'text-soft' },
  denied: { words: 'denied', color: 'text-failed' },
  cancelled: { words: 'not answered', color: 'text-failed' },
} as const;

/** What an agent asked leave for, and what it was answered. */
export function PermissionCard({ entry }: { readonly entry: PermissionEntry }) {
  const { words, color } = DECISIONS[entry.decision];
  return (
    <Card
      title={`may I: ${entry.title}`}
      summary={entry.option}
      note={<span className={color}>{words}</span>}
      body={() => <PlainText text={asText(entry.request)} />}
    />
  );
}

/** What became of the checks of the work. */
export function VerificationCard({ entry: { text, isFailed, checks } }: { readonly entry: VerificationEntry }) {
  return (
    <Card
      title={text}
      note={<span className={isFailed ? 'text-failed' : 'text-success'}>{isFailed ? 'failed' : 'passed'}</span>}
      body={
        checks.length === 0
          ? null
          : () => (
              <ul className="flex flex-col gap-1 text-xs">
                {checks.map((check, index) => (
                  <li key={index} className="[overflow-wrap:anywhere]">
                    <span className={check.isFailed ? 'text-failed' : 'text-success'}>
                      {check.isFailed ? 'failed' : 'passed'}
                    </span>{' '}
                    <bdi className="font-mono">{stripTerminalCodes(check.name)}</bdi>{' '}
                    <bdi className="text-soft">{stripTerminalCodes(check.message)}</bdi>
                  </li>
                ))}
              </ul>
            )
      }
    />
  );
}

/** A line that opens. */
export function Card({
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
  const [isOpen, setOpen] = useOpen();
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

function inOneLine(input: unknown): string {
  if (input === undefined || input === null) return '';
  if (typeof input !== 'object') return asText(input).slice(0, 200);
  return Object.entries(input)
    .map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join('  ')
    .slice(0, 200);
}
