import type { Schedule } from '../api/client';
import { StatusShape } from '../status/status-shape';
import { Instant, ZonedClock } from '../time/instant';

/** How the latest runs of a schedule stand, by the shapes of runs. */
export function StandingShape({ schedule: { status, lastRunAt } }: { readonly schedule: Schedule }) {
  if (status === 'running') return <StatusShape status="running" />;
  if (status === 'error') return <StatusShape status="failed" />;
  return lastRunAt === null ? <StatusShape status="skipped" isNamed /> : <StatusShape status="success" />;
}

/** When it fires next, or why it does not. */
export function NextFire({ schedule }: { readonly schedule: Schedule }) {
  if (schedule.fault)
    return (
      <span role="alert" className="text-failed">
        cannot fire: {schedule.fault.message}
      </span>
    );
  if (!schedule.enabled) return <span className="text-soft">paused</span>;
  if (schedule.nextRunAt === null) return <span className="text-soft">never again</span>;
  return (
    <>
      <Instant at={schedule.nextRunAt} zone={schedule.timezone} />{' '}
      <span className="text-soft">
        · <ZonedClock at={schedule.nextRunAt} zone={schedule.timezone} />
      </span>
    </>
  );
}

const WORDS: Readonly<Record<Schedule['status'], string>> = {
  running: 'running',
  error: 'last run went wrong',
  idle: 'last run went well',
};

export function Standing({ schedule }: { readonly schedule: Schedule }) {
  const words = schedule.status === 'idle' && schedule.lastRunAt === null ? 'never ran' : WORDS[schedule.status];
  return (
    <>
      <span className="inline-flex items-center gap-1.5">
        <StandingShape schedule={schedule} />
        {words}
      </span>
      <span className="text-soft max-rail:hidden" aria-hidden>
        ·
      </span>
      <span>
        {schedule.enabled && !schedule.fault && schedule.nextRunAt !== null && <span className="text-soft">next </span>}
        <NextFire schedule={schedule} />
      </span>
    </>
  );
}
