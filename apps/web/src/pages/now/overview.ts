import { queryOptions } from '@tanstack/react-query';
import { useEffect } from 'react';
import { api } from '../../api/client';
import { queryClient } from '../../api/queries';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const KEY = 'crewtab.seen';
/** Away for less than that, one is still here. */
const AWAY_MS = 30 * MINUTE_MS;
/** Longer ago is another story. */
const MAX_AWAY_MS = 7 * DAY_MS;

/** When a person was here with this browser; kept in it, and no secret. */
interface Seen {
  /** What the digest begins with. */
  readonly since: number;
  /** The last sign that a person was here. */
  readonly at: number;
}

export function nextSeen(now: number, seen: Seen | null): Seen {
  if (seen === null || seen.at > now) return { since: now - DAY_MS, at: now };
  const wasAway = now - seen.at > AWAY_MS;
  return { since: Math.max(wasAway ? seen.at : seen.since, now - MAX_AWAY_MS), at: now };
}

/** Notes that a person is here. @returns where the digest begins: after a while away, where they left */
function noteSeen(): number {
  const next = nextSeen(Date.now(), readSeen());
  localStorage.setItem(KEY, JSON.stringify(next));
  return next.since;
}

function readSeen(): Seen | null {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? 'null') as Partial<Seen> | null;
    return typeof kept?.since === 'number' && typeof kept.at === 'number' ? { since: kept.since, at: kept.at } : null;
  } catch {
    return null;
  }
}

/** Of this visit: what was read does not vanish while the page stays open. */
let visitBegan: number | null = null;

export const overviewQuery = queryOptions({
  queryKey: ['overview'],
  queryFn: ({ signal }) => {
    visitBegan ??= noteSeen();
    return api.request('GET /overview', { query: { since: new Date(visitBegan).toISOString() }, signal });
  },
});

/** Keeps note that a person is here, and begins another visit when they come back after a while. */
export function useVisit(): void {
  useEffect(() => {
    const look = (): void => {
      if (document.hidden) return;
      const since = noteSeen();
      if (visitBegan === null || since === visitBegan) return;
      visitBegan = since;
      void queryClient.invalidateQueries({ queryKey: overviewQuery.queryKey });
    };
    const timer = setInterval(look, MINUTE_MS);
    document.addEventListener('visibilitychange', look);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', look);
    };
  }, []);
}
