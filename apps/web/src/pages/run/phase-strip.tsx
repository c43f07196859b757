import { Link } from '@tanstack/react-router';
import type { Run, RunTimeline } from '../../api/client';
import { PHASE_WORDS } from '@crewtab/words/run-words';
import { formatInstant, formatSpan } from '../../time/format-time';
import { useNow } from '../../time/use-now';

type Phase = RunTimeline['phases'][number]['phase'];

const NAMES: Readonly<Record<Phase, string>> = {
  queued: 'queued',
  deploying: 'deploying',
  prompting: 'prompting',
  monitoring: 'working',
  verifying: 'verifying',
  collecting: 'collecting',
  tearing_down: 'tearing down',
};
const ENDS: Readonly<Record<string, string>> = { failed: 'bg-failed', timeout: 'bg-timeout' };
/** So late a run is queued after its instant without being shown to be. */
const ON_TIME_MS = 1_000;

interface Stretch {
  /** Of the page that explains it. */
  readonly code: string | null;
  readonly name: string;
  readonly words: string;
  readonly from: string;
  /** Null: it lasts. */
  readonly to: string | null;
  readonly color: string;
}

/** How a run spent its time, from its due instant on: each part at least wide enough to be read. */
export function PhaseStrip({ run, timeline }: { readonly run: Run; readonly timeline: RunTimeline }) {
  const now = useNow();
  const stretches = stretchesOf(run, timeline);
  const spanOf = ({ from, to }: Stretch): number =>
    Math.max(0, (to === null ? now.getTime() : Date.parse(to)) - Date.parse(from));
  if (stretches.length === 0) return null;
  // A step that took no time is none to look at.
  const shown = stretches.filter((stretch) => stretch.to === null || spanOf(stretch) >= 1);
  return (
    <ol className="flex gap-0.5 px-4 py-3 max-rail:flex-wrap max-rail:gap-y-2 rail:px-6" aria-label="Phases">
      {shown.map((stretch) => (
        <li
          key={stretch.name}
          className="min-w-0 basis-16 rail:min-w-max"
          style={{ flexGrow: Math.sqrt(spanOf(stretch)) }}
          title={`${stretch.words}\n${formatInstant(new Date(stretch.from))}`}
        >
          <div className={`h-2 rounded-xs ${stretch.color}`} />
          <div className="mt-1 truncate text-xs text-soft rail:pr-2">
            {stretch.code === null ? (
              stretch.name
            ) : (
              <Link to="/help/$code" params={{ code: stretch.code }} className="hover:text-ink hover:underline">
                {stretch.name}
              </Link>
            )}{' '}
            <span className="whitespace-nowrap text-ink max-rail:block">{formatSpan(spanOf(stretch))}</span>
          </div>
        </li>
      ))}
    </ol>
  );
}

function stretchesOf(run: Run, { dueAt, phases }: RunTimeline): Stretch[] {
  const first = phases[0];
  const isLate = first !== undefined && Date.parse(first.from) - Date.parse(dueAt) >= ON_TIME_MS;
  const failedIn = phaseOfEnd(run, phases);
  return [
    ...(isLate
      ? [
          {
            ...{ code: null, name: 'late', words: 'from the instant at which it was due until it was made' },
            ...{ from: dueAt, to: first.from, color: 'bg-idle/25' },
          },
        ]
      : []),
    ...phases.map(({ phase, from, to }) => ({
      ...{ code: `phase-${phase}`, name: NAMES[phase], words: PHASE_WORDS[phase], from, to },
      color:
        to === null
          ? 'animate-breathe bg-running'
          : phase === failedIn
            ? (ENDS[run.status] ?? 'bg-idle/50')
            : 'bg-idle/50',
    })),
  ];
}

/** The last one before its outcome was decided. */
function phaseOfEnd({ teardownFailure }: Run, phases: RunTimeline['phases']): Phase | undefined {
  if (teardownFailure) return 'tearing_down';
  return phases.findLast(({ phase }) => phase !== 'collecting' && phase !== 'tearing_down')?.phase;
}
