import { type RunStatus } from './status-words';
import { STATUS_WORDS } from '@crewtab/words/run-words';

/** Shape and colour of each status, drawn, since fonts lack some of the shapes. */
const SHAPES: Readonly<Record<RunStatus, { readonly color: string; readonly path: React.ReactNode }>> = {
  success: { color: 'text-success', path: <circle cx="8" cy="8" r="5.5" fill="currentColor" /> },
  running: {
    color: 'text-running animate-breathe',
    path: (
      <>
        <circle cx="8" cy="8" r="5" fill="none" stroke="currentColor" strokeWidth="1.5" />
        <path d="M8 3a5 5 0 0 0 0 10z" fill="currentColor" />
      </>
    ),
  },
  queued: {
    color: 'text-idle',
    path: <circle cx="8" cy="8" r="5" fill="none" stroke="currentColor" strokeWidth="1.5" />,
  },
  failed: { color: 'text-failed', path: <rect x="3" y="3" width="10" height="10" rx="1" fill="currentColor" /> },
  timeout: { color: 'text-timeout', path: <path d="M8 1.8 14.2 8 8 14.2 1.8 8z" fill="currentColor" /> },
  cancelled: {
    color: 'text-idle',
    path: (
      <>
        <circle cx="8" cy="8" r="5" fill="none" stroke="currentColor" strokeWidth="1.5" />
        <path d="m4.6 11.4 6.8-6.8" stroke="currentColor" strokeWidth="1.5" />
      </>
    ),
  },
  skipped: { color: 'text-idle', path: <path d="M3 8h10" stroke="currentColor" strokeWidth="2" /> },
  missed: {
    color: 'text-missed',
    path: <path d="M8 2.6 13.4 8 8 13.4 2.6 8z" fill="none" stroke="currentColor" strokeWidth="1.5" />,
  },
};

/** Says the status to those who do not see it, unless the word stands beside it. */
export function StatusShape({ status, isNamed = false }: { readonly status: RunStatus; readonly isNamed?: boolean }) {
  const { color, path } = SHAPES[status];
  return (
    <svg
      viewBox="0 0 16 16"
      className={`size-4 shrink-0 ${color}`}
      {...(isNamed ? { 'aria-hidden': true } : { role: 'img', 'aria-label': status })}
    >
      {isNamed ? null : <title>{`${status}: ${STATUS_WORDS[status]}`}</title>}
      {path}
    </svg>
  );
}

export function StatusLabel({ status }: { readonly status: RunStatus }) {
  return (
    <span className="inline-flex items-center gap-1.5 whitespace-nowrap" title={STATUS_WORDS[status]}>
      <StatusShape status={status} isNamed />
      {status}
    </span>
  );
}
