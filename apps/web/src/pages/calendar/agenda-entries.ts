import type { RunStatus } from '../../status/status-words';
import { marksOf, type Lane } from './lane-marks';

export interface AgendaEntry {
  readonly key: string;
  readonly at: number;
  readonly status: RunStatus | 'due';
  readonly scheduleId: string;
  readonly name: string;
  readonly runId: string | null;
  readonly durationMs: number | null;
}

/** So many of each are listed. */
const LISTED = 200;

/** What is due, the next first, and what was, the newest first. Schedules with too many runs are only counted. */
export function agendaOf(
  lanes: readonly Lane[],
  now: number,
): {
  readonly ahead: AgendaEntry[];
  readonly past: AgendaEntry[];
  readonly crowded: readonly { readonly id: string; readonly name: string; readonly runs: number }[];
} {
  const entries = lanes.flatMap((lane) =>
    marksOf(lane, now).flatMap(({ at, until, status, runId }): AgendaEntry[] => {
      if (status === 'column') return [];
      const { id: scheduleId, name } = lane.schedule;
      const durationMs = until > at && status !== 'due' ? until - at : null;
      return [{ key: `${scheduleId} ${runId ?? at}`, at, status, scheduleId, name, runId, durationMs }];
    }),
  );
  const sorted = entries.sort((one, other) => one.at - other.at);
  const crowded = lanes.flatMap(({ schedule: { id, name }, columns }) => {
    const counts = (columns ?? []).flatMap((column) => Object.values(column.counts));
    return columns === null ? [] : [{ id, name, runs: counts.reduce((sum, count) => sum + count, 0) }];
  });
  return {
    ahead: sorted.filter(({ status }) => status === 'due').slice(0, LISTED),
    past: sorted
      .filter(({ status }) => status !== 'due')
      .reverse()
      .slice(0, LISTED),
    crowded,
  };
}
