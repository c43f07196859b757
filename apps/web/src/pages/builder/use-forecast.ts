import { ApiProblem } from '@crewtab/api-client/api-problem';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { api } from '../../api/client';
import type { Draft } from './draft';
import type { Forecast } from './meaning';

/** After the last letter, ms. */
const TYPING_MS = 200;
const COUNT = 10;

/** What the draft means, as the person types; its faults by their fields, '' for what belongs to none. */
export function useForecast(
  { cron, timezone, timeout }: Draft,
  scheduleId: string | undefined,
): {
  readonly forecast: Forecast | undefined;
  readonly faults: Readonly<Record<string, string>>;
  /** It is of what the form shows, and not of what it showed a moment ago. */
  readonly isCurrent: boolean;
} {
  const asked = useSettled(JSON.stringify({ cron, timezone, timeout }));
  const { data, error, isPlaceholderData } = useQuery({
    queryKey: ['forecast', scheduleId, asked],
    queryFn: ({ signal }) =>
      api.request('POST /forecast', {
        body: { ...(JSON.parse(asked) as { cron: string }), count: COUNT, ...(scheduleId && { scheduleId }) },
        signal,
      }),
    placeholderData: keepPreviousData,
    retry: false,
  });
  const isSettled = asked === JSON.stringify({ cron, timezone, timeout });
  return {
    forecast: error ? undefined : data,
    faults: faultsOf(error),
    isCurrent: isSettled && !isPlaceholderData,
  };
}

export function faultsOf(error: Error | null): Readonly<Record<string, string>> {
  if (!error) return {};
  if (error instanceof ApiProblem && error.errors.length > 0)
    return Object.fromEntries(error.errors.map(({ path, message }) => [path, message]));
  return { '': error instanceof ApiProblem ? error.message : 'The server did not answer.' };
}

/** The value once it has not changed for a moment. */
export function useSettled(value: string): string {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), TYPING_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
