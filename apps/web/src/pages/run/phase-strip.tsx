import type { Deployment, Run } from '../../api/client';
import { PHASE_WORDS } from '../../status/status-words';
import { formatInstant, formatSpan } from '../../time/format-time';
import { useNow } from '../../time/use-now';

interface Stretch {
  readonly name: string;
  readonly words: string;
  readonly from: string;
  /** Null: it lasts. */
  readonly to: string | null;
  /** How the run ended in it, where that was not well. */
  readonly end?: string | undefined;
}

const ENDS: Readonly<Record<string, string>> = { failed: 'bg-failed', timeout: 'bg-timeout' };

/** How a run spent its time, from its due instant on: each part at least wide enough to be read. */
export function PhaseStrip({
  run,
  deployment,
  lastMessageAt,
}: {
  readonly run: Run;
  readonly deployment: Deployment | undefined;
  readonly lastMessageAt: string | null;
}) {
  const now = useNow();
  // Without it nothing tells when the agents were ready.
  if (run.teamDeploymentId !== null && !deployment) return <div className="h-12" />;
  const stretches = stretchesOf(run, deployment, lastMessageAt);
  const spanOf = ({ from, to }: Stretch): number =>
    Math.max(0, (to === null ? now.getTime() : Date.parse(to)) - Date.parse(from));
  return (
    <ol className="flex gap-0.5 px-4 py-3 rail:px-6" aria-label="Phases">
      {stretches.map((stretch) => (
        <li
          key={stretch.name}
          className="min-w-0 basis-16 rail:min-w-max"
          style={{ flexGrow: Math.sqrt(spanOf(stretch)) }}
          title={`${stretch.words}\n${formatInstant(new Date(stretch.from))}`}
        >
          <div
            className={`h-2 rounded-xs ${stretch.to === null ? 'animate-breathe bg-running' : (ENDS[stretch.end ?? ''] ?? 'bg-idle/50')}`}
          />
          <div className="mt-1 truncate text-xs text-soft rail:pr-2">
            {stretch.name}{' '}
            <span className="whitespace-nowrap text-ink max-rail:block">{formatSpan(spanOf(stretch))}</span>
          </div>
        </li>
      ))}
    </ol>
  );
}

/** A phase whose bounds are not known yet is no stretch. */
function stretchesOf(run: Run, deployment: Deployment | undefined, lastMessageAt: string | null): Stretch[] {
  const { startedAt, scheduledFor, finishedAt, phase } = run;
  if (startedAt === null) {
    const to = phase === 'queued' ? null : (finishedAt ?? scheduledFor);
    return phase === 'queued' ? [{ name: 'queued', words: PHASE_WORDS.queued, from: scheduledFor, to }] : [];
  }
  const ready = deployment?.agents.map(({ readyAt }) => readyAt) ?? [];
  const isReady = ready.length > 0 && ready.every((at) => at !== null);
  const readyAt = isReady ? ready.reduce((one, other) => ((one ?? '') > (other ?? '') ? one : other)) : null;
  const isOver = phase === 'collecting' || phase === 'tearing_down' || phase === 'finished';
  const worked = readyAt !== null && lastMessageAt !== null && lastMessageAt > readyAt ? lastMessageAt : readyAt;
  const decidedAt = worked ?? startedAt;
  const checkedFrom = beganChecking(run, readyAt ?? startedAt, decidedAt);
  const removedAt = run.teardown?.verifiedAt ?? finishedAt;
  return [
    { name: 'queued', words: PHASE_WORDS.queued, from: scheduledFor, to: startedAt },
    {
      ...{ name: 'deploying', words: PHASE_WORDS.deploying, from: startedAt },
      to: readyAt ?? (isOver ? decidedAt : null),
      end: readyAt === null ? run.status : undefined,
    },
    ...(readyAt === null
      ? []
      : [
          {
            ...{ name: 'working', words: PHASE_WORDS.monitoring, from: readyAt },
            to: checkedFrom ?? (isOver ? decidedAt : null),
            end: run.verification ? undefined : run.status,
          },
        ]),
    ...(checkedFrom === null
      ? []
      : [
          {
            ...{ name: 'verifying', words: PHASE_WORDS.verifying, from: checkedFrom },
            to: isOver ? decidedAt : null,
            end: run.verification?.status === 'failed' ? 'failed' : undefined,
          },
        ]),
    ...(isOver
      ? [
          {
            name: 'tearing down',
            words: PHASE_WORDS.tearing_down,
            from: decidedAt,
            to: phase === 'finished' ? removedAt : null,
          },
        ]
      : []),
  ];
}

/** Its checks follow each other, and their end is told; null where none began. */
function beganChecking({ phase, verification }: Run, earliest: string, decidedAt: string): string | null {
  if (phase === 'verifying') return decidedAt;
  if (!verification) return null;
  const tookMs = verification.checks.reduce((sum, { ms }) => sum + ms, 0);
  return new Date(Math.max(Date.parse(earliest), Date.parse(decidedAt) - tookMs)).toISOString();
}
