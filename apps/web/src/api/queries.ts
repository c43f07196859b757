import { ApiProblem } from '@crewtab/api-client/api-problem';
import {
  infiniteQueryOptions,
  keepPreviousData,
  MutationCache,
  QueryCache,
  QueryClient,
  queryOptions,
} from '@tanstack/react-query';
import type { Grouping } from '../pages/usage/usage-search';
import type { RunStatus, RunTrigger } from '../status/status-words';
import { api, setCsrfToken, type Caller, type Secret, type Team } from './client';

export type { Outline } from './client';

const CALLER = ['caller'] as const;
/** Notes in this browser that there may be a session, so that who has none is not told of a refusal. No secret. */
const SESSION_MARK = 'crewtab.session';
const PAGE = 50;
/** How many schedules a page shows; later pages of the API are read as far as that. */
const MAX_SCHEDULES = 500;
const MAX_TEAMS = 500;
const MAX_SECRETS = 500;

/** Answers stay until the event stream says that they changed, so nothing asks again by itself. */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: { staleTime: Infinity, refetchOnWindowFocus: false, refetchOnReconnect: false, retry: isWorthRetrying },
  },
  queryCache: new QueryCache({ onError: leaveWhenLoggedOut }),
  mutationCache: new MutationCache({ onError: leaveWhenLoggedOut }),
});

/** The session is over, or was ended elsewhere. */
function leaveWhenLoggedOut(error: Error): void {
  if (isLoggedOut(error)) endSession();
}

let isSessionOver = false;

/** Whether the person was logged in, and is no more without having logged out. */
export function hasSessionEnded(): boolean {
  return isSessionOver;
}

/** The session has reached a limit, or was ended elsewhere. */
export function endSession(): void {
  isSessionOver = true;
  setCaller(null);
}

export function isLoggedOut(error: unknown): boolean {
  return error instanceof ApiProblem && error.status === 401;
}

/** A server that does not answer, or asks for a moment; a refusal stays one. */
function isWorthRetrying(failures: number, error: Error): boolean {
  return failures < 3 && (!(error instanceof ApiProblem) || error.status >= 500);
}

/** Null: nobody is logged in. */
export const callerQuery = queryOptions({
  queryKey: CALLER,
  queryFn: async (): Promise<Caller | null> => {
    if (localStorage.getItem(SESSION_MARK) === null) return null;
    try {
      const caller = await api.request('GET /session');
      setCsrfToken(caller.csrfToken);
      return caller;
    } catch (error) {
      if (!isLoggedOut(error)) throw error;
      localStorage.removeItem(SESSION_MARK);
      isSessionOver = true;
      return null;
    }
  },
});

export function setCaller(caller: Caller | null): void {
  setCsrfToken(caller?.csrfToken ?? null);
  if (caller !== null) isSessionOver = false;
  if (caller === null) localStorage.removeItem(SESSION_MARK);
  else localStorage.setItem(SESSION_MARK, 'yes');
  if (caller === null) queryClient.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== CALLER[0] });
  queryClient.setQueryData(CALLER, caller);
}

/** When another tab logs in or out, this one does the same. */
export function followOtherTabs(): void {
  window.addEventListener('storage', ({ key, newValue }) => {
    if (key !== SESSION_MARK) return;
    if (newValue === null) endSession();
    else void queryClient.invalidateQueries({ queryKey: CALLER });
  });
}

/** What a list of runs shows; each field stands in the address. */
export interface RunFilter {
  readonly status?: RunStatus;
  readonly trigger?: RunTrigger;
  readonly schedule?: string;
  readonly team?: string;
  readonly code?: string;
  readonly within?: Within;
  /** Instants in UTC, as the address has them; the second is exclusive. */
  readonly from?: string;
  readonly to?: string;
  /** Go durations and amounts, as a person has written them: the API says what is wrong with them. */
  readonly minDuration?: string;
  readonly maxDuration?: string;
  readonly minCost?: string;
  readonly maxCost?: string;
  /** Left out: newest first. */
  readonly sort?: RunSort;
}

export type RunSort = 'newest' | 'oldest' | 'longest' | 'shortest' | 'costliest' | 'cheapest';

export const WITHIN_MS = { '24h': 86_400_000, '7d': 7 * 86_400_000, '30d': 30 * 86_400_000 } as const;
export type Within = keyof typeof WITHIN_MS;

export const runsQuery = (filter: RunFilter) =>
  infiniteQueryOptions({
    queryKey: ['runs', filter],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) => {
      const { status, sort } = filter;
      const query = { limit: PAGE, status, sort, ...spanOf(filter), ...(pageParam !== null && { cursor: pageParam }) };
      return api.request('GET /runs', { query, signal });
    },
    getNextPageParam: ({ nextCursor }) => nextCursor,
  });

/** Of all statuses, so that each can be chosen; key as that of the lists, which change with it. */
export const runCountsQuery = ({ status: _, sort: __, ...filter }: RunFilter) =>
  queryOptions({
    queryKey: ['runs', 'counts', filter],
    queryFn: ({ signal }) => api.request('GET /runs/counts', { query: spanOf(filter), signal }),
    placeholderData: (previous) => previous,
  });

function spanOf({ trigger, schedule, team, code, within, from, to, ...rest }: RunFilter) {
  const since = within ? new Date(Date.now() - WITHIN_MS[within]).toISOString() : from;
  const { minDuration, maxDuration, minCost, maxCost } = rest;
  const values = { minDuration, maxDuration, minCost, maxCost };
  return { trigger, code, scheduleId: schedule, teamId: team, since, until: to, ...values };
}

export const runQuery = (id: string) =>
  queryOptions({
    queryKey: ['run', id],
    queryFn: ({ signal }) => api.request('GET /runs/:id', { params: { id }, signal }),
  });

/** Of a finished run: what is stored of it stays. */
export const outlineQuery = (id: string) =>
  queryOptions({
    queryKey: ['conversation', id, 'outline'],
    queryFn: ({ signal }) => api.request('GET /runs/:id/outline', { params: { id }, signal }),
  });

export const searchQuery = (id: string, q: string) =>
  queryOptions({
    queryKey: ['conversation', id, 'search', q],
    queryFn: ({ signal }) => api.request('GET /runs/:id/search', { params: { id }, query: { q, limit: 500 }, signal }),
  });

/** Phases, agents and what they did when. Of the run, so that each of its events makes it stale. */
export const runTimelineQuery = (id: string) =>
  queryOptions({
    queryKey: ['run', id, 'timeline'],
    queryFn: ({ signal }) => api.request('GET /runs/:id/timeline', { params: { id }, signal }),
  });

export const neighboursQuery = (id: string) =>
  queryOptions({
    queryKey: ['run', id, 'neighbours'],
    queryFn: ({ signal }) => api.request('GET /runs/:id/neighbours', { params: { id }, signal }),
    // No event of this run tells that a later one was made.
    staleTime: 10_000,
  });

export const artifactsQuery = (id: string) =>
  queryOptions({
    queryKey: ['run', id, 'artifacts'],
    queryFn: ({ signal }) => api.request('GET /runs/:id/artifacts', { params: { id }, signal }),
  });

/** The beginning of a file that a run left, as text. */
export const artifactTextQuery = (id: string, path: string, bytes: number) =>
  queryOptions({
    queryKey: ['run', id, 'artifact', path, bytes],
    queryFn: async ({ signal }) => {
      const address = `/api/v1/runs/${id}/artifacts/${encodeURIComponent(path)}`;
      const response = await fetch(address, { signal, headers: { range: `bytes=0-${bytes - 1}` } });
      if (!response.ok) throw new Error(`The server answered with ${response.status}.`);
      return response.text();
    },
    // What was kept does not change.
    staleTime: Infinity,
  });

export const deploymentQuery = (id: string) =>
  queryOptions({
    queryKey: ['deployment', id],
    queryFn: ({ signal }) => api.request('GET /deployments/:id', { params: { id }, signal }),
  });

export const schedulesQuery = queryOptions({
  queryKey: ['schedules'],
  queryFn: async ({ signal }) => {
    const items = [];
    let cursor: string | null = null;
    do {
      const query: { limit: number; cursor?: string } = { limit: 100, ...(cursor !== null && { cursor }) };
      const page: Awaited<ReturnType<typeof listSchedules>> = await listSchedules(query, signal);
      items.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor !== null && items.length < MAX_SCHEDULES);
    return { items, hasMore: cursor !== null };
  },
});

function listSchedules(query: { limit: number; cursor?: string }, signal: AbortSignal) {
  return api.request('GET /schedules', { query, signal });
}

export const scheduleQuery = (id: string) =>
  queryOptions({
    queryKey: ['schedule', id],
    queryFn: ({ signal }) => api.request('GET /schedules/:id', { params: { id }, signal }),
    initialData: () => queryClient.getQueryData(schedulesQuery.queryKey)?.items.find((schedule) => schedule.id === id),
  });

/** A schedule with how it has run. */
export const scheduleHistoryQuery = (id: string) =>
  queryOptions({
    queryKey: ['schedule', id, 'history'],
    queryFn: ({ signal }) =>
      api.request('GET /schedules/:id', { params: { id }, query: { include: 'recent,stats' }, signal }),
  });

/** What the list of schedules shows; each field stands in the address. */
export interface ScheduleFilter {
  readonly q?: string;
  readonly sort?: ScheduleSort;
}
export const SCHEDULE_SORTS = ['newest', 'name', 'next'] as const;
export type ScheduleSort = (typeof SCHEDULE_SORTS)[number];

export const scheduleListQuery = (filter: ScheduleFilter) =>
  infiniteQueryOptions({
    queryKey: ['schedules', 'list', filter],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) => {
      const query = {
        ...filter,
        include: 'recent,stats',
        limit: PAGE,
        ...(pageParam !== null && { cursor: pageParam }),
      };
      return api.request('GET /schedules', { query, signal });
    },
    getNextPageParam: ({ nextCursor }) => nextCursor,
  });

interface TimeWindow {
  /** Ms. */
  readonly from: number;
  readonly to: number;
}

function readTimeline(
  { from, to }: TimeWindow,
  q: string | undefined,
  cursor: string | null,
  limit: number,
  signal: AbortSignal,
) {
  const query = {
    ...{ from: new Date(from).toISOString(), to: new Date(to).toISOString(), limit, q },
    ...(cursor !== null && { cursor }),
  };
  return api.request('GET /timeline', { query, signal });
}

/** One page of lanes. */
export const timelineQuery = (window: TimeWindow, q: string | undefined, cursor: string | null, limit: number) =>
  queryOptions({
    queryKey: ['timeline', window, q, cursor, limit],
    queryFn: ({ signal }) => readTimeline(window, q, cursor, limit, signal),
  });

/** The same, page after page. */
export const agendaQuery = (window: TimeWindow, q: string | undefined) =>
  infiniteQueryOptions({
    queryKey: ['timeline', 'agenda', window, q],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) => readTimeline(window, q, pageParam, PAGE, signal),
    getNextPageParam: ({ nextCursor }) => nextCursor,
  });

/** Asked anew when it is opened: it is of weeks. */
export const heatmapQuery = (zone: string, days: number) =>
  queryOptions({
    queryKey: ['heatmap', zone, days],
    queryFn: ({ signal }) => api.request('GET /stats/heatmap', { query: { zone, days }, signal }),
    staleTime: 60_000,
  });

/** Days of the viewer, today the last. */
export const usageQuery = (by: Grouping, days: number, zone: string) =>
  queryOptions({
    queryKey: ['usage', by, days, zone],
    queryFn: ({ signal }) => {
      const to = new Date();
      const from = new Date(to.getFullYear(), to.getMonth(), to.getDate() - days + 1);
      const query = { by, zone, from: from.toISOString(), to: to.toISOString(), limit: 50 };
      return api.request('GET /usage', { query, signal });
    },
    placeholderData: keepPreviousData,
  });

export const ledgerQuery = (schedule: string) =>
  infiniteQueryOptions({
    queryKey: ['ledger', schedule],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) => {
      const query = { limit: PAGE, ...(pageParam !== null && { cursor: pageParam }) };
      return api.request('GET /schedules/:id/ledger', { params: { id: schedule }, query, signal });
    },
    getNextPageParam: ({ nextCursor }) => nextCursor,
  });

export const revisionsQuery = (schedule: string) =>
  infiniteQueryOptions({
    queryKey: ['revisions', schedule],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) => {
      const query = { limit: PAGE, ...(pageParam !== null && { cursor: pageParam }) };
      return api.request('GET /schedules/:id/revisions', { params: { id: schedule }, query, signal });
    },
    getNextPageParam: ({ nextCursor }) => nextCursor,
  });

export const sessionsQuery = queryOptions({
  queryKey: ['sessions'],
  queryFn: async ({ signal }) => (await api.request('GET /sessions', { signal })).items,
});

export const configQuery = queryOptions({
  queryKey: ['config'],
  queryFn: ({ signal }) => api.request('GET /config', { signal }),
});

export const teamsQuery = queryOptions({
  queryKey: ['teams'],
  queryFn: async ({ signal }) => {
    const items: Team[] = [];
    let cursor: string | null = null;
    do {
      const query: { limit: number; cursor?: string } = { limit: 100, ...(cursor !== null && { cursor }) };
      const page: Awaited<ReturnType<typeof listTeams>> = await listTeams(query, signal);
      items.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor !== null && items.length < MAX_TEAMS);
    return { items, hasMore: cursor !== null };
  },
});

function listTeams(query: { limit: number; cursor?: string }, signal: AbortSignal) {
  return api.request('GET /teams', { query, signal });
}

export const teamQuery = (id: string) =>
  queryOptions({
    queryKey: ['team', id],
    queryFn: ({ signal }) => api.request('GET /teams/:id', { params: { id }, signal }),
    initialData: () => queryClient.getQueryData(teamsQuery.queryKey)?.items.find((team) => team.id === id),
  });

/** By name. */
export const secretsQuery = queryOptions({
  queryKey: ['secrets'],
  queryFn: async ({ signal }) => {
    const items: Secret[] = [];
    let cursor: string | null = null;
    do {
      const query: { limit: number; cursor?: string } = { limit: 100, ...(cursor !== null && { cursor }) };
      const page: Awaited<ReturnType<typeof listSecrets>> = await listSecrets(query, signal);
      items.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor !== null && items.length < MAX_SECRETS);
    return { items, hasMore: cursor !== null };
  },
  // No event tells of secrets.
  staleTime: 10_000,
});

function listSecrets(query: { limit: number; cursor?: string }, signal: AbortSignal) {
  return api.request('GET /secrets', { query, signal });
}

/** A team was made, changed or deleted by this page. */
export function forgetTeams(): Promise<unknown> {
  return Promise.all(['teams', 'team', 'secrets'].map((key) => queryClient.invalidateQueries({ queryKey: [key] })));
}

/** Heartbeats are no events: this alone is asked for again, while the page is open. */
export const systemQuery = queryOptions({
  queryKey: ['system'],
  queryFn: ({ signal }) => api.request('GET /system', { signal }),
  refetchInterval: 5_000,
});

/** The image of a preset is being made. */
export function forgetPresets(): Promise<unknown> {
  return queryClient.invalidateQueries({ queryKey: presetsQuery.queryKey });
}

export const presetsQuery = queryOptions({
  queryKey: ['presets'],
  queryFn: async ({ signal }) => (await api.request('GET /presets', { signal })).items,
});
