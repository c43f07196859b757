import { useQuery } from '@tanstack/react-query';
import type { Run } from '../api/client';
import { scheduleQuery } from '../api/queries';

type Named = Pick<Run, 'scheduleId' | 'teamName'>;

/** The name of a run's schedule, which may be deleted by now; a try is called by its team. */
export function ScheduleName({ run }: { readonly run: Named }) {
  return <bdi>{useScheduleName(run)}</bdi>;
}

export function useScheduleName({ scheduleId, teamName }: Named): string {
  const { data, error } = useQuery({ ...scheduleQuery(scheduleId ?? ''), enabled: scheduleId !== null });
  if (scheduleId === null) return teamName;
  if (data) return data.name;
  return error ? 'deleted schedule' : '…';
}
