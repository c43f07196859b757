import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import type { Run } from '../../api/client';
import { queryClient, runTimelineQuery } from '../../api/queries';
import type { Entry } from './conversation';

/** While the conversation grows, its timeline is asked for at most so often, ms. */
const ASK_EVERY_MS = 2_000;

/** How the run has spent its time; of one that goes on, kept up to date by what its conversation brings. */
export function useRunTimeline({ id, phase }: Run, entries: readonly Entry[]) {
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  const shownPhase = useRef(phase);
  useEffect(() => {
    if (shownPhase.current === phase) return;
    shownPhase.current = phase;
    void queryClient.invalidateQueries({ queryKey: runTimelineQuery(id).queryKey });
  }, [id, phase]);
  useEffect(() => {
    if (phase === 'finished' || entries.length === 0) return;
    timer.current ??= setTimeout(() => {
      timer.current = null;
      void queryClient.invalidateQueries({ queryKey: runTimelineQuery(id).queryKey });
    }, ASK_EVERY_MS);
  }, [id, phase, entries]);
  useEffect(
    () => () => {
      if (timer.current !== null) clearTimeout(timer.current);
      timer.current = null;
    },
    [],
  );
  return useQuery(runTimelineQuery(id));
}
