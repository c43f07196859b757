import { useQuery } from '@tanstack/react-query';
import { scheduleQuery } from '../api/queries';

/** The name of a run's schedule, which may be deleted by now. */
export function ScheduleName({ id }: { readonly id: string }) {
  return <bdi>{useScheduleName(id)}</bdi>;
}

export function useScheduleName(id: string): string {
  const { data, error } = useQuery(scheduleQuery(id));
  if (data) return data.name;
  return error ? 'deleted schedule' : '…';
}
